// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "node/base/result.h"
#include "node/store/store.h"

namespace sf {

/// The name of the key ring among the settings that all nodes share.
constexpr std::string_view kKeyRingSetting = "gossip_keys";

struct RotationPatience {
  std::chrono::seconds answer{60};   ///< for all nodes to take up a new ring
  std::chrono::seconds silence{30};  ///< a node that is silent for longer stops the rotation
  std::chrono::milliseconds poll{500};
};

/// Gives the cluster a new gossip key in place of what it has, in the three steps of key_ring.h,
/// each only after every node has taken up the one before. A node that does not, ends it with an
/// error that names it: no harm is done, and another call begins again. `say` is told each step.
///
/// Thread: any that may block; takes some half a minute.
Result<void> RotateClusterKey(store::Store& store,
                              const std::function<void(const std::string&)>& say,
                              RotationPatience patience = {});

}  // namespace sf
