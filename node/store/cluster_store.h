// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "node/store/database.h"

namespace sf::store {

/// The few settings that all nodes share. Whoever needs one first makes it; all others read it.
///
/// Thread: HTTP or worker (blocks).
class ClusterStore {
 public:
  explicit ClusterStore(Database& database) : database_(database) {}

  /// The stored value of `name`, after storing `fresh` if there was none.
  Result<std::string> GetOrMake(std::string_view name, const std::string& fresh);

 private:
  Database& database_;
};

}  // namespace sf::store
