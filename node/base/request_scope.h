// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sf {

/// As long as it lives, its thread works for the API request of that id: lines that are logged and
/// events that are written meanwhile name it, and jobs that are submitted go on in it.
///
/// Thread-local, and no argument of everything below the API, since nothing is ever decided by it.
class RequestScope {
 public:
  explicit RequestScope(std::string id);
  ~RequestScope();
  RequestScope(const RequestScope&) = delete;
  RequestScope& operator=(const RequestScope&) = delete;

  /// Of the innermost scope of this thread; empty if it works for no request.
  static const std::string& Id();

 private:
  const std::string outer_;
};

}  // namespace sf
