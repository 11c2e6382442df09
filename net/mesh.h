// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "net/link.h"
#include "node/base/id.h"
#include "node/base/netblock.h"
#include "node/base/result.h"

// A mesh is one virtual network over all nodes. This node's end of it is a bridge, for the NICs of
// instances, with a VXLAN device on it, which has one flood entry for every other node. Here is
// decided what a kernel lacks of it; nothing here asks the kernel.
namespace sf::net {

/// What all meshes of this node have in common.
struct MeshSettings {
  std::string cluster_id;
  std::string nic;  ///< meshes go over it
  IpAddress local;  ///< this node's address there
  std::uint16_t port = 4789;
};

using Vni = std::uint32_t;

/// What there should be.
struct WantedMeshes {
  std::map<Vni, NetworkId> networks;
  std::set<IpAddress> peers;  ///< the other nodes
  /// False for a few of them: others are then not looked at.
  bool all = true;
};

/// What the kernel has.
struct Kernel {
  std::vector<Link> links;
  std::vector<FdbEntry> entries;
};

/// Changes that belong together: whoever begins with them carries all of them out in one batch, or
/// at least those that make or remove links.
struct MeshChanges {
  std::vector<NetworkId> networks;  ///< that they are for
  std::vector<Change> changes;
};

struct MeshPlan {
  std::vector<MeshChanges> changes;
  std::map<NetworkId, Error> errors;  ///< networks that cannot be joined
};

std::string BridgeName(
    Vni vni);  ///< "br-vxlan-00002a": 15 characters, the most that a name may have
std::string VxlanName(Vni vni);

/// The changes that make of the kernel's links what is wanted. Links are ours by their alias, which
/// has the cluster's id; a stranger's link of the same name is an error that says so, and is never
/// touched. An Error means that there can be no mesh at all.
///
/// What cuts nobody off comes first: flooding to a dead node wastes a frame, but a live node that
/// is left out is cut off, so whoever fails half way shall have failed on the cheap side.
Result<MeshPlan> PlanMeshes(const MeshSettings& settings, const WantedMeshes& wanted,
                            const Kernel& kernel);

/// What a frame of an instance may have. kUnavailable without the NIC.
Result<int> MeshMtu(const MeshSettings& settings, const Kernel& kernel);
/// The meshes that are there, whatever is wanted.
std::map<Vni, NetworkId> FindMeshes(const MeshSettings& settings, const Kernel& kernel);
/// The nodes that they flood to.
std::set<IpAddress> FindPeers(const MeshSettings& settings, const Kernel& kernel);

/// VXLAN, UDP, IPv4 and the frame's own Ethernet header, all inside the MTU of the NIC.
inline constexpr int kVxlanOverhead = 50;

}  // namespace sf::net
