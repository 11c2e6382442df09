// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/base/metrics.h"
#include "node/config.h"

namespace sf {

/// Offers which release this is, what its process takes, under the names that all processes have
/// for Prometheus, and what is left on the disk that instances lie on.
void AddHostMetrics(Metrics& metrics, const Config& config);

}  // namespace sf
