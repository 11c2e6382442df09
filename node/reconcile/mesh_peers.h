// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <set>
#include <vector>

#include "node/base/netblock.h"
#include "node/cluster_view.h"
#include "node/model/node_record.h"

namespace sf::reconcile {

/// Where frames for all of a mesh are to be sent: to every node but this one, unless it is dead,
/// for gossip and by its heartbeats in the database both, or has left and has no instances. So a
/// node that is cut off from gossip alone loses no traffic, one that was stopped goes on being
/// reached for its guests, which run on, and one that has restarted has its peers before it hears
/// of them.
///
/// `rows` is null while the database cannot be asked: then gossip decides on the dead, whoever has
/// left is not taken out for that, and whoever gossip knows nothing of stays if it is among those
/// `present`.
std::set<IpAddress> ChoosePeers(const ClusterView& view, const std::vector<NodeRecord>* rows,
                                const std::set<IpAddress>& present);

}  // namespace sf::reconcile
