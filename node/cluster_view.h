// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/advert.h"
#include "gossip/member.h"
#include "node/model/node_record.h"

namespace sf {

/// One member of the cluster, as this node sees it. Times are seconds since the epoch by this
/// node's clock.
struct MemberView {
  NodeId name;
  bool self = false;
  gossip::Address address;
  gossip::MemberState state = gossip::MemberState::kAlive;
  double since = 0;  ///< when it came to be in this state here
  gossip::Incarnation incarnation = 0;
  std::optional<double> round_trip_ms;  ///< of the last probe that it answered
  double suspected_at = 0;              ///< if there are witnesses against it
  std::vector<gossip::Witness> witnesses;
  std::optional<gossip::Advert> advert;  ///< what it says of itself; none until it has arrived
};

/// Who is there, by gossip alone: a picture that never changes, published anew with each change.
struct ClusterView {
  std::vector<MemberView> members;  ///< by name; includes this node
  gossip::Tenure role;              ///< who serves the networks, by the highest term known here

  const MemberView* Find(const NodeId& name) const;
};

/// Seconds without a heartbeat in the database after which it no longer speaks for a node: three of
/// an ordinary node.
constexpr double kMaxNodeSilence = 30;

/// How one asks for the newest picture. Thread: any.
using ReadCluster = std::function<std::shared_ptr<const ClusterView>()>;

std::string_view ToString(gossip::MemberState state);

/// The state that a node's row shows, corrected by what gossip knows: a node that is silent is
/// "missing", one that says goodbye "stopped". Rows of nodes that gossip does not know of have
/// their heartbeat alone to speak for them.
void CorrectState(NodeRecord& node, const ClusterView& view);

}  // namespace sf
