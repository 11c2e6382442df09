// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "node/base/result.h"
#include "node/config.h"

namespace sf {

/// Removes what a daemon has made of this host outside STORAGE_PATH and goes on without it: its
/// ends of the meshes, the NICs of guests, rules, the container that serves networks and its image.
/// Returns in words what was there. May be repeated.
///
/// kConflict while the daemon runs, or an instance of its cluster is here: the cluster's, by what
/// STORAGE_PATH remembers. Asks no database.
Result<std::vector<std::string>> ClearHost(const Config& config);

}  // namespace sf
