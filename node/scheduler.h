// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "node/base/result.h"
#include "node/model/instance.h"
#include "node/model/node_record.h"

namespace sf {

/// Where an instance may go, best first, and why: for each filter, the nodes that it left over.
struct Placement {
  std::vector<NodeId> ranked;  ///< never empty
  nlohmann::json reason;
};

/// Filters `nodes`, then ranks what is left by free memory. Pure. The ranking is advice: room is
/// claimed in the transaction that records the instance, and a node that turns out to be full is
/// passed over there.
///
/// kNotFound when the node that the owner insists on is not there; kNoCapacity, saying which filter
/// left nobody over.
Result<Placement> Place(const InstanceSpec& spec, const std::vector<NodeRecord>& nodes);

}  // namespace sf
