// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "node/base/metrics.h"
#include "node/cluster.h"

namespace sf {

/// Offers the figures of the gossip protocol as metrics. Register before the first Text().
void AddClusterMetrics(Metrics& metrics,
                       std::function<std::shared_ptr<const ClusterFigures>()> read);

}  // namespace sf
