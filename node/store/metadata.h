// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "node/store/database.h"

namespace sf::store {

/// Where a type of object keeps its metadata. All parts are literals of ours.
struct MetadataTable {
  std::string_view table;
  std::string_view key_column;
  std::string_view noun;  ///< for messages
};

/// Sets `key` in the metadata of the object whose key column is `object`, or takes it out if
/// `value` is unset, under the row's lock: two writers of different keys both succeed.
Result<void> UpdateMetadata(Database& database, const MetadataTable& where,
                            const std::string& object, const std::string& key,
                            const std::optional<nlohmann::json>& value);

}  // namespace sf::store
