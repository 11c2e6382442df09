// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "node/base/result.h"
#include "node/cluster_view.h"
#include "node/model/instance.h"
#include "node/model/node_record.h"
#include "node/model/placement.h"

namespace sf {

/// What a placement is judged by.
struct PlacementPicture {
  const std::vector<NodeRecord>& nodes;      ///< the rows, by name
  const ClusterView& cluster;                ///< what gossip says of them
  const std::vector<Neighbour>& neighbours;  ///< of the namespace of `wanted`
};

/// Filters the nodes (up, not drained, room for cpus, memory and disk), then ranks those left over:
/// the owner's affinity first, then the room that would be left of what is scarcest there and the
/// images that are there already. Equal nodes are in an order that the instance's UUID seeds, so
/// that many instances share them. Pure.
///
/// kNotFound when the node that the owner insists on is not there, kConflict when it is drained;
/// kNoCapacity, saying of each node what it lacks.
Result<Placement> Place(const Instance& wanted, const PlacementPicture& picture);

}  // namespace sf
