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

  Result<std::string> Get(std::string_view name);  ///< kNotFound
  /// kConflict when it is no longer `from`.
  Result<void> Replace(std::string_view name, const std::string& from, const std::string& to);

 private:
  Database& database_;
};

}  // namespace sf::store
