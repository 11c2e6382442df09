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
Result<MeshKeeper::Pass> MeshKeeper::Keep() const {
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
  return pass;
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

Result<MeshEnd> MeshKeeper::Join(const Network& network) const {
  const net::Kernel kernel = TRY(mesh_.Read());
  const int mtu = TRY(net::MeshMtu(mesh_.settings(), kernel));
  const net::WantedMeshes wanted{
      .networks = {{network.vni, network.uuid}}, .peers = Peers(kernel), .all = false};
  const auto outcome = TRY(mesh_.Keep(wanted, kernel));
  const auto error = outcome.errors.find(network.uuid);
  if (error != outcome.errors.end()) return tl::unexpected(error->second);
  return MeshEnd{net::BridgeName(network.vni), mtu};
}

}  // namespace sf::reconcile
