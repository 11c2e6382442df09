// SPDX-License-Identifier: Apache-2.0
#include "node/store/cluster_check.h"

namespace sf::store {

Result<void> CheckCluster(ClusterStore& cluster, std::string_view id) {
  const auto stored = cluster.Get("id");
  if (stored && *stored == id) return {};
  if (!stored && stored.error().code != Code::kNotFound) return tl::unexpected(stored.error());
  return Fail(Code::kConflict, "the database is not that of the cluster {}", id);
}

}  // namespace sf::store
