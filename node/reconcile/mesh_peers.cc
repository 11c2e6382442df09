// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/mesh_peers.h"

#include <algorithm>

namespace sf::reconcile {
namespace {

using gossip::MemberState;

/// Whether guests on `row`'s node may be running. `left`: it has said goodbye, to gossip or in its
/// row, so that no heartbeat is to be expected and what counts is whether it has guests at all.
bool MayHaveGuests(const NodeRecord& row, bool left) {
  if (left || row.state == "stopped") return row.used.cpus > 0;
  return row.silent_for <= kMaxNodeSilence;
}

bool IsGone(const MemberView& member, const std::vector<NodeRecord>* rows) {
  if (member.state < MemberState::kDead) return false;
  if (rows == nullptr) return member.state == MemberState::kDead;
  return std::ranges::none_of(*rows, [&](const NodeRecord& row) {
    return row.name == member.name && MayHaveGuests(row, member.state == MemberState::kLeft);
  });
}

IpAddress AddressOf(const MemberView& member) {
  return {member.advert ? member.advert->identity.mesh_ip : member.address.ip};
}

}  // namespace

std::set<IpAddress> ChoosePeers(const ClusterView& view, const std::vector<NodeRecord>* rows,
                                const std::set<IpAddress>& present) {
  std::set<IpAddress> peers, gone, self;
  for (const MemberView& member : view.members) {
    (member.self ? self : IsGone(member, rows) ? gone : peers).insert(AddressOf(member));
  }
  if (rows == nullptr) {
    std::ranges::set_difference(present, gone, std::inserter(peers, peers.end()));
  } else {
    for (const NodeRecord& row : *rows) {
      if (view.Find(row.name) != nullptr || !MayHaveGuests(row, /*left=*/false)) continue;
      if (const auto ip = IpAddress::Parse(row.ip)) peers.insert(*ip);
    }
  }
  for (const IpAddress own : self) peers.erase(own);
  return peers;
}

}  // namespace sf::reconcile
