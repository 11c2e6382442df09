// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "node/base/result.h"
#include "node/store/cluster_store.h"

namespace sf::store {

/// kConflict unless the database is that of the cluster `id`. Whoever removes what no row knows
/// asks this first: of a database that was made anew, or is just being restored, no rows say
/// nothing.
Result<void> CheckCluster(ClusterStore& cluster, std::string_view id);

}  // namespace sf::store
