// SPDX-License-Identifier: Apache-2.0
#include "node/store/cluster_store.h"

namespace sf::store {

Result<std::string> ClusterStore::GetOrMake(std::string_view name, const std::string& fresh) {
  // When two nodes start a cluster together, the primary key decides whose value it is.
  TRY(
      database_.Execute("INSERT INTO cluster (name, value) VALUES (?, ?)"
                        " ON DUPLICATE KEY UPDATE value = value",
                        name, fresh));
  const auto rows = TRY(database_.Query("SELECT value FROM cluster WHERE name = ?", name));
  if (rows.empty()) return Fail(Code::kInternal, "the cluster setting {} was not stored", name);
  return rows.front().Text(0);
}

}  // namespace sf::store
