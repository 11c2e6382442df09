// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include "net/guest_nics.h"
#include "net/vxlan_mesh.h"
#include "node/base/event_loop.h"
#include "node/base/worker_pool.h"
#include "node/cluster_view.h"
#include "node/model/network.h"
#include "node/reconcile/instance_builder.h"
#include "node/store/store.h"

namespace sf::reconcile {

/// Keeps this node in the mesh of every network, with every peer, and out of those that are gone;
/// and the NICs of its instances in theirs, behind the rules of what they may send.
/// Each pass compares all rows with all links; waking it twice is waking it once, and a lost
/// wake-up costs at most one period.
///
/// While the database is away the links themselves say which networks there are, and only peers
/// change.
///
/// Thread: loop, but for Wake() and Join(). Invariant: one pass at a time.
class MeshKeeper {
 public:
  /// Told on the loop which meshes this node is in.
  using Report = std::function<void(std::set<std::uint32_t> vnis)>;

  MeshKeeper(NodeId self, EventLoop& loop, WorkerPool& workers, store::Store& store,
             const Templates& templates, ReadCluster cluster, net::MeshSettings settings,
             Report report)
      : self_(std::move(self)),
        loop_(loop),
        workers_(workers),
        store_(store),
        nics_(settings.cluster_id, templates),
        cluster_(std::move(cluster)),
        mesh_(std::move(settings)),
        report_(std::move(report)) {}

  /// Networks or peers may have changed. Thread: any.
  void Wake();
  /// Once a second: repeats what failed, and a whole period after the last pass, everything.
  void Tick();
  void Stop() { stopping_ = true; }

  /// Does not wait for a pass, so that an instance finds its bridge. Thread: worker.
  Result<MeshEnd> Join(const Network& network, const Interface& interface);
  /// Removes the host's ends of an instance's interfaces. Thread: worker.
  Result<void> Leave(const InstanceId& instance) { return nics_.Remove(instance); }

 private:
  struct Pass {
    std::set<std::uint32_t> joined;
    net::VxlanMesh::Outcome outcome;
    Result<void> nics = {};
  };

  void Begin();
  Result<Pass> Keep();  // worker
  Result<void> KeepNics(const std::vector<Network>& networks, const net::Kernel& kernel,
                        const net::GuestNics::Present& present);
  std::set<IpAddress> Peers(const net::Kernel& kernel) const;
  void OnKept(const Result<Pass>& pass);
  void LogNew(const std::map<NetworkId, Error>& errors);

  const NodeId self_;
  EventLoop& loop_;
  WorkerPool& workers_;
  store::Store& store_;
  net::GuestNics nics_;
  const ReadCluster cluster_;
  const net::VxlanMesh mesh_;
  const Report report_;

  bool running_ = false;
  bool again_ = false;  ///< woken while it runs
  bool retry_ = false;  ///< it failed; try at the next tick
  bool stopping_ = false;
  int ticks_ = 0;                          ///< since the last pass
  std::map<NetworkId, std::string> said_;  ///< the errors that are in the log
  std::string said_of_nics_;
};

}  // namespace sf::reconcile
