// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "node/api/http_message.h"

namespace sf::api {

/// The files of templates/dashboard: a page for browsers that is one more client of this API. It
/// is the same for everybody and needs no log-in; what it shows, it asks for with a token.
///
/// Thread: any.
class Dashboard {
 public:
  Dashboard();

  /// The page itself. Its files lie below the path it is asked by, so that must not end in a slash.
  Result<Response> Page(const Request& request) const;
  /// One of its files, or 304 to a browser that has it already.
  Result<Response> File(const Request& request, const std::string& name) const;

 private:
  struct Content {
    std::string_view text;
    std::string_view type;
    std::string tag;  ///< of its bytes, quoted as HTTP wants it
  };

  std::map<std::string, Content, std::less<>> files_;
};

}  // namespace sf::api
