// SPDX-License-Identifier: Apache-2.0
#include "node/store/cluster_store.h"

namespace sf::store {

Result<std::string> ClusterStore::GetOrMake(std::string_view name, const std::string& fresh) {
  // When two nodes start a cluster together, the primary key decides whose value it is.
  TRY(
      database_.Execute("INSERT INTO cluster (name, value) VALUES (?, ?)"
                        " ON DUPLICATE KEY UPDATE value = value",
                        name, fresh));
  return Get(name);
}

Result<std::string> ClusterStore::Get(std::string_view name) {
  const auto rows = TRY(database_.Query("SELECT value FROM cluster WHERE name = ?", name));
  if (rows.empty()) return Fail(Code::kNotFound, "there is no cluster setting {}", name);
  return rows.front().Text(0);
}

Result<void> ClusterStore::Replace(std::string_view name, const std::string& from,
                                   const std::string& to) {
  if (TRY(database_.Execute("UPDATE cluster SET value = ? WHERE name = ? AND value = ?", to, name,
                            from)) == 0) {
    return Fail(Code::kConflict, "somebody else has changed the cluster setting {}", name);
  }
  return {};
}

}  // namespace sf::store
