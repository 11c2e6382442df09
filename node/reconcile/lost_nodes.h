// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "node/cluster_view.h"
#include "node/model/node_record.h"
#include "node/store/store.h"

namespace sf::reconcile {

/// Who declares nodes lost: the holder of the role, in its term.
struct Watch {
  NodeId self = {};
  std::uint64_t term = 0;
  std::chrono::seconds grace{};
  std::chrono::seconds since_start{};  ///< that its daemon is up
};

/// The nodes whose instances are lost: dead for gossip, and silent in the database for the grace
/// period, so that one which is cut off from either alone keeps what it has. A node that gossip
/// does not know may be on its way, when all are switched on at once, and gets that time to arrive.
/// A node that has stopped is not lost: its instances run on.
std::vector<NodeId> FindLost(const ClusterView& view, const std::vector<NodeRecord>& rows,
                             const Watch& watch);

/// Puts their instances in error. A row that says that somebody else has the role by now ends it.
/// Thread: worker.
void DeclareLost(store::Store& store, const ClusterView& view, const Watch& watch);

}  // namespace sf::reconcile
