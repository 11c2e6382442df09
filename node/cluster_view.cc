// SPDX-License-Identifier: Apache-2.0
#include "node/cluster_view.h"

#include <algorithm>

namespace sf {

using gossip::MemberState;

const MemberView* ClusterView::Find(const NodeId& name) const {
  const auto found = std::lower_bound(
      members.begin(), members.end(), name,
      [](const MemberView& member, const NodeId& wanted) { return member.name < wanted; });
  return found != members.end() && found->name == name ? &*found : nullptr;
}

std::string_view ToString(MemberState state) {
  switch (state) {
    case MemberState::kAlive: return "alive";
    case MemberState::kSuspect: return "suspect";
    case MemberState::kUnreachable: return "unreachable";
    case MemberState::kDead: return "dead";
    case MemberState::kLeft: return "left";
  }
  return "unknown";
}

void CorrectState(NodeRecord& node, const ClusterView& view) {
  if (node.state != "created" && node.state != "stopping") return;
  const MemberView* const member = view.Find(node.name);
  if (member == nullptr) {
    if (node.silent_for > kMaxNodeSilence) node.state = "missing";
  } else if (member->state == MemberState::kLeft) {
    node.state = "stopped";
  } else if (member->state >= MemberState::kUnreachable) {
    node.state = "missing";
  }
}

}  // namespace sf
