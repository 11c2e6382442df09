// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/base/metrics.h"
#include "node/cluster.h"

namespace sf {

/// Offers as metrics the figures of the gossip protocol, who serves the networks, and what this
/// node says of itself: its instances, and the room for them.
void AddClusterMetrics(Metrics& metrics, const NodeId& self, const Cluster& cluster);

}  // namespace sf
