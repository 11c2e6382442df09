// SPDX-License-Identifier: Apache-2.0
#include "net/mesh.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include "node/base/number.h"

namespace sf::net {
namespace {

constexpr std::string_view kBridgePrefix = "br-vxlan-";
constexpr std::string_view kVxlanPrefix = "vxlan-";
constexpr std::size_t kVniDigits = 6;
// Our own range of indices, so that what is made can be named before the kernel has answered. The
// kernel counts its own from 1.
constexpr int kBridgeIndices = 0x10000000;
constexpr int kVxlanIndices = 0x20000000;
// Links that are to be removed are put in a group that no other link is in.
constexpr std::uint32_t kFirstGroup = 0x73660000;
constexpr std::size_t kRemovedAtOnce =
    25;  // With two links each they and their end fit in a batch.

std::string AliasPrefix(const MeshSettings& settings) {
  return fmt::format("shakenfist {} ", settings.cluster_id);
}

std::string Alias(const MeshSettings& settings, const NetworkId& network) {
  return AliasPrefix(settings) + network.value;
}

std::optional<Vni> VniOf(const std::string& name, std::string_view prefix) {
  if (!name.starts_with(prefix) || name.size() != prefix.size() + kVniDigits) return {};
  return ToNumber<Vni>(std::string_view(name).substr(prefix.size()), 16);
}

/// The two links of one mesh, where they are there.
struct Ends {
  const Link* bridge = nullptr;
  const Link* vxlan = nullptr;
};

/// The kernel's tables, sorted to the meshes that they are of.
struct Meshes {
  std::map<Vni, Ends> ours;
  std::map<Vni, const Link*> strangers;
  std::map<int, std::set<FdbEntry>> entries;  ///< by link
};

void Sort(const Link& link, const MeshSettings& settings, Meshes& meshes) {
  const auto of_bridge = VniOf(link.name, kBridgePrefix);
  const auto vni = of_bridge ? of_bridge : VniOf(link.name, kVxlanPrefix);
  if (!vni) return;
  // Between its first message to the kernel and the next, a link that another job makes has only
  // the index that it was given: nobody else counts so far.
  const int index = (of_bridge ? kBridgeIndices : kVxlanIndices) | static_cast<int>(*vni);
  const bool in_the_making = link.alias.empty() && link.index == index;
  const bool ours = (in_the_making || link.alias.starts_with(AliasPrefix(settings))) &&
                    link.kind == (of_bridge ? "bridge" : "vxlan");
  if (!ours) {
    meshes.strangers[*vni] = &link;
  } else {
    (of_bridge ? meshes.ours[*vni].bridge : meshes.ours[*vni].vxlan) = &link;
  }
}

Meshes Sort(const MeshSettings& settings, const Kernel& kernel) {
  Meshes meshes;
  for (const Link& link : kernel.links) Sort(link, settings, meshes);
  for (const FdbEntry& entry : kernel.entries) meshes.entries[entry.link].insert(entry);
  return meshes;
}

Result<const Link*> FindNic(const MeshSettings& settings, const Kernel& kernel) {
  const auto nic = std::ranges::find(kernel.links, settings.nic, &Link::name);
  if (nic != kernel.links.end()) return &*nic;
  return Fail(Code::kUnavailable, "there is no link '{}' for meshes to go over", settings.nic);
}

/// Empty while both are in the making.
NetworkId NetworkOf(const Ends& ends, const MeshSettings& settings) {
  for (const Link* const link : {ends.bridge, ends.vxlan}) {
    if (link == nullptr || link->alias.empty()) continue;
    return NetworkId(link->alias.substr(AliasPrefix(settings).size()));
  }
  return {};
}

bool IsOfAnother(const Link& link, const std::string& alias) {
  return !link.alias.empty() && link.alias != alias;
}

/// Brings a link, also one that was made just now, to where it should be.
void Align(const Link& link, const std::string& alias, int mtu, int master,
           std::vector<Change>& changes) {
  if (link.link_local) changes.emplace_back(NoLinkLocal{link.index});
  SetLink set{.index = link.index};
  if (link.alias != alias) set.alias = alias;
  if (link.mtu != mtu) set.mtu = mtu;
  if (link.master != master) set.master = master;
  if (!link.up) set.up = true;
  if (set != SetLink{.index = link.index}) changes.emplace_back(set);
}

/// A link as it is when it was made just now.
Link NewLink(int index) {
  Link link;
  link.index = index;
  link.link_local = true;
  return link;
}

void Remove(const Link* link, std::vector<Change>& changes) {
  if (link != nullptr) changes.emplace_back(RemoveLink{link->index});
}

std::vector<Change> PlanOne(Vni vni, const std::string& alias, const Vxlan& vxlan, int mtu,
                            Ends ends, const std::set<IpAddress>& peers, const Meshes& meshes) {
  std::vector<Change> changes;
  // What cannot be changed is made anew. Only the bridge of a network that is gone is among that:
  // the instances on a bridge would lose their network with it.
  if (ends.vxlan != nullptr && (ends.vxlan->vxlan != vxlan || IsOfAnother(*ends.vxlan, alias))) {
    Remove(std::exchange(ends.vxlan, nullptr), changes);
  }
  if (ends.bridge != nullptr && IsOfAnother(*ends.bridge, alias)) {
    Remove(std::exchange(ends.bridge, nullptr), changes);
  }
  const Link bridge =
      ends.bridge != nullptr ? *ends.bridge : NewLink(kBridgeIndices | static_cast<int>(vni));
  if (ends.bridge == nullptr) changes.emplace_back(AddBridge{bridge.index, BridgeName(vni)});
  Align(bridge, alias, mtu, /*master=*/bridge.master, changes);
  const Link device =
      ends.vxlan != nullptr ? *ends.vxlan : NewLink(kVxlanIndices | static_cast<int>(vni));
  if (ends.vxlan == nullptr) changes.emplace_back(AddVxlan{device.index, VxlanName(vni), vxlan});
  Align(device, alias, mtu, bridge.index, changes);

  std::set<FdbEntry> entries;
  const auto found = meshes.entries.find(device.index);
  if (ends.vxlan != nullptr && found != meshes.entries.end()) entries = found->second;
  for (const IpAddress peer : peers) {
    const FdbEntry entry{.link = device.index, .mac = kFlood, .vtep = peer};
    if (!entries.contains(entry)) changes.emplace_back(AddFdbEntry{entry});
  }
  // With what was learned: whoever was behind that node is elsewhere now, or nowhere.
  for (const FdbEntry& entry : entries) {
    if (!peers.contains(entry.vtep)) changes.emplace_back(RemoveFdbEntry{entry});
  }
  return changes;
}

std::uint32_t UnusedGroup(const Kernel& kernel) {
  std::set<std::uint32_t> used;
  for (const Link& link : kernel.links) used.insert(link.group);
  std::uint32_t group = kFirstGroup;
  while (used.contains(group)) ++group;
  return group;
}

/// All in one group, so that they go in one go.
MeshChanges PlanRemoval(std::span<const Ends> doomed, const MeshSettings& settings,
                        std::uint32_t group) {
  MeshChanges removal;
  for (const Ends& ends : doomed) {
    removal.networks.push_back(NetworkOf(ends, settings));
    for (const Link* const link : {ends.vxlan, ends.bridge}) {
      if (link != nullptr)
        removal.changes.emplace_back(SetLink{.index = link->index, .group = group});
    }
  }
  removal.changes.emplace_back(RemoveGroup{group});
  return removal;
}

}  // namespace

std::string BridgeName(Vni vni) { return fmt::format("{}{:0{}x}", kBridgePrefix, vni, kVniDigits); }

std::string VxlanName(Vni vni) { return fmt::format("{}{:0{}x}", kVxlanPrefix, vni, kVniDigits); }

Result<MeshPlan> PlanMeshes(const MeshSettings& settings, const WantedMeshes& wanted,
                            const Kernel& kernel) {
  const Link* const nic = TRY(FindNic(settings, kernel));
  const int mtu = nic->mtu - kVxlanOverhead;
  const Meshes meshes = Sort(settings, kernel);
  MeshPlan plan;
  for (const auto& [vni, network] : wanted.networks) {
    const auto stranger = meshes.strangers.find(vni);
    if (stranger != meshes.strangers.end()) {
      plan.errors[network] = {Code::kConflict,
                              fmt::format("the link {} is there and not ours: its alias is '{}'",
                                          stranger->second->name, stranger->second->alias)};
      continue;
    }
    const auto ends = meshes.ours.find(vni);
    const Vxlan vxlan{
        .vni = vni, .local = settings.local, .nic = nic->index, .port = settings.port};
    auto changes = PlanOne(vni, Alias(settings, network), vxlan, mtu,
                           ends == meshes.ours.end() ? Ends() : ends->second, wanted.peers, meshes);
    if (!changes.empty()) plan.changes.push_back({{network}, std::move(changes)});
  }
  std::vector<Ends> doomed;
  for (const auto& [vni, ends] : meshes.ours) {
    if (wanted.all && !wanted.networks.contains(vni)) doomed.push_back(ends);
  }
  const std::uint32_t group = UnusedGroup(kernel);
  for (std::span<const Ends> rest = doomed; !rest.empty();) {
    const auto some = rest.first(std::min(rest.size(), kRemovedAtOnce));
    plan.changes.push_back(PlanRemoval(some, settings, group));
    rest = rest.subspan(some.size());
  }
  return plan;
}

Result<int> MeshMtu(const MeshSettings& settings, const Kernel& kernel) {
  return TRY(FindNic(settings, kernel))->mtu - kVxlanOverhead;
}

std::map<Vni, NetworkId> FindMeshes(const MeshSettings& settings, const Kernel& kernel) {
  std::map<Vni, NetworkId> networks;
  for (const auto& [vni, ends] : Sort(settings, kernel).ours) {
    const NetworkId network = NetworkOf(ends, settings);
    if (!network.value.empty()) networks[vni] = network;
  }
  return networks;
}

std::set<IpAddress> FindPeers(const MeshSettings& settings, const Kernel& kernel) {
  std::set<IpAddress> peers;
  const Meshes meshes = Sort(settings, kernel);
  for (const auto& [vni, ends] : meshes.ours) {
    const auto found =
        ends.vxlan == nullptr ? meshes.entries.end() : meshes.entries.find(ends.vxlan->index);
    if (found == meshes.entries.end()) continue;
    for (const FdbEntry& entry : found->second) {
      if (entry.mac == kFlood) peers.insert(entry.vtep);
    }
  }
  return peers;
}

}  // namespace sf::net
