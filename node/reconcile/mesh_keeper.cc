// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/mesh_keeper.h"

#include "net/mesh.h"
#include "node/base/log.h"
#include "node/reconcile/mesh_peers.h"

namespace sf::reconcile {
namespace {

constexpr int kPeriodTicks = 10;

std::map<net::Vni, NetworkId> ToMeshes(const std::vector<Network>& networks) {
  std::map<net::Vni, NetworkId> meshes;
  for (const Network& network : networks) {
    if (network.vni != 0) meshes[network.vni] = network.uuid;
  }
  return meshes;
}

/// As whom the guest of `interface` may speak in `network`.
Result<net::GuestNic> ToGuestNic(const Interface& interface, const Network& network, int mtu) {
  net::GuestNic nic{.interface = interface.uuid,
                    .instance = interface.instance,
                    .vni = network.vni,
                    .mtu = mtu,
                    .mac = interface.mac};
  if (!interface.ipv4.empty()) nic.addresses.insert(TRY(IpAddress::Parse(interface.ipv4)));
  for (const std::string& routed : network.routed) {
    nic.addresses.insert(TRY(IpAddress::Parse(routed)));
  }
  return nic;
}

}  // namespace

void MeshKeeper::Wake() {
  loop_.Post([this] { Begin(); });
}

void MeshKeeper::Tick() {
  if (++ticks_ >= kPeriodTicks || retry_) Begin();
}

void MeshKeeper::Begin() {
  if (stopping_) return;
  if (running_) {
    again_ = true;
    return;
  }
  again_ = retry_ = false;
  ticks_ = 0;
  running_ =
      workers_.Submit("meshes", [this] { loop_.Post([this, pass = Keep()] { OnKept(pass); }); });
  retry_ = !running_;
}

// The links are read before the rows: a row is written before anything is made of it, so a mesh
// without a row in this order is one whose row is gone, and not one that Join() has just made.
Result<MeshKeeper::Pass> MeshKeeper::Keep() {
  const auto nics = nics_.Read();
  const net::Kernel kernel = TRY(mesh_.Read());
  const auto networks = store_.networks.List({});
  net::WantedMeshes wanted;
  wanted.networks = networks ? ToMeshes(*networks) : net::FindMeshes(mesh_.settings(), kernel);
  wanted.peers = Peers(kernel);
  Pass pass;
  pass.outcome = TRY(mesh_.Keep(wanted, kernel));
  for (const auto& [vni, network] : wanted.networks) {
    if (!pass.outcome.errors.contains(network)) pass.joined.insert(vni);
  }
  if (!nics) {
    pass.nics = tl::unexpected(nics.error());
  } else if (networks) {
    pass.nics = KeepNics(*networks, kernel, *nics);
  }
  return pass;
}

Result<void> MeshKeeper::KeepNics(const std::vector<Network>& networks, const net::Kernel& kernel,
                                  const net::GuestNics::Present& present) {
  const int mtu = TRY(net::MeshMtu(mesh_.settings(), kernel));
  std::map<NetworkId, const Network*> by_id;
  for (const Network& network : networks) by_id[network.uuid] = &network;
  std::vector<net::GuestNic> nics;
  for (const Instance& instance : TRY(store_.instances.List({.node = self_}))) {
    if (instance.state == InstanceState::kDeleteWait) continue;
    for (const Interface& interface : instance.interfaces) {
      const auto network = by_id.find(interface.network);
      // One that libvirt has refused, or whose network is newer than the list.
      if (interface.state == "error" || network == by_id.end()) continue;
      nics.push_back(TRY(ToGuestNic(interface, *network->second, mtu)));
    }
  }
  return nics_.Keep(nics, present);
}

std::set<IpAddress> MeshKeeper::Peers(const net::Kernel& kernel) const {
  const auto rows = store_.nodes.List();
  return ChoosePeers(*cluster_(), rows ? &*rows : nullptr,
                     net::FindPeers(mesh_.settings(), kernel));
}

void MeshKeeper::OnKept(const Result<Pass>& pass) {
  running_ = false;
  if (!pass) {
    LogNew({{NetworkId("all"), pass.error()}});
    retry_ = true;
  } else {
    const std::size_t changed = pass->outcome.changed;
    if (changed > 0) log::Info("meshes changed networks={} all={}", changed, pass->joined.size());
    LogNew(pass->outcome.errors);
    const std::string error = pass->nics ? "" : pass->nics.error().message;
    if (error != std::exchange(said_of_nics_, error) && !pass->nics) {
      log::Warn("NICs are not as they should be error={}", error);
    }
    report_(pass->joined);
  }
  if (again_) Begin();
}

// What cannot be mended without somebody's help would fill the log otherwise.
void MeshKeeper::LogNew(const std::map<NetworkId, Error>& errors) {
  std::map<NetworkId, std::string> said;
  for (const auto& [network, error] : errors) {
    const auto before = said_.find(network);
    if (before == said_.end() || before->second != error.message) {
      log::Warn("no mesh network={} error={}", network, error.message);
    }
    said[network] = error.message;
  }
  said_ = std::move(said);
}

Result<MeshEnd> MeshKeeper::Join(const Network& network, const Interface& interface) {
  const net::Kernel kernel = TRY(mesh_.Read());
  const int mtu = TRY(net::MeshMtu(mesh_.settings(), kernel));
  const net::WantedMeshes wanted{
      .networks = {{network.vni, network.uuid}}, .peers = Peers(kernel), .all = false};
  const auto outcome = TRY(mesh_.Keep(wanted, kernel));
  const auto error = outcome.errors.find(network.uuid);
  if (error != outcome.errors.end()) return tl::unexpected(error->second);
  const net::GuestNic nic = TRY(ToGuestNic(interface, network, mtu));
  TRY(nics_.Make({&nic, 1}));
  return MeshEnd{net::TapName(interface.uuid), mtu};
}

}  // namespace sf::reconcile
