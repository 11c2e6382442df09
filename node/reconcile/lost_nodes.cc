// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/lost_nodes.h"

#include "node/base/log.h"

namespace sf::reconcile {

std::vector<NodeId> FindLost(const ClusterView& view, const std::vector<NodeRecord>& rows,
                             const Watch& watch) {
  std::vector<NodeId> lost;
  for (const NodeRecord& row : rows) {
    const MemberView* const member = view.Find(row.name);
    const bool gone = member == nullptr ? watch.since_start > watch.grace
                                        : member->state == gossip::MemberState::kDead;
    const bool silent = row.silent_for > static_cast<double>(watch.grace.count());
    if (gone && silent && row.state != "stopped") lost.push_back(row.name);
  }
  return lost;
}

void DeclareLost(store::Store& store, const ClusterView& view, const Watch& watch) {
  const auto rows = store.nodes.List();
  if (!rows) return;  // The heartbeat says so in the log.
  const auto silence = static_cast<double>(watch.grace.count());
  for (const NodeId& node : FindLost(view, *rows, watch)) {
    const auto lost = store.nodes.DeclareLost(node, silence, watch.self, watch.term);
    if (lost && *lost > 0) log::Warn("a node is lost node={} instances={}", node, *lost);
    if (!lost && lost.error().code != Code::kConflict) {
      log::Warn("a node could not be declared lost node={} error={}", node, lost.error().message);
    }
  }
}

}  // namespace sf::reconcile
