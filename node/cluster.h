// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gossip/advert.h"
#include "gossip/directory.h"
#include "gossip/transport.h"
#include "node/base/event_loop.h"
#include "node/base/published.h"
#include "node/base/worker_pool.h"
#include "node/cluster_view.h"
#include "node/key_ring.h"
#include "node/role_keeper.h"
#include "node/store/store.h"

namespace sf {

struct ClusterSettings {
  NodeId self;
  gossip::Address address;
  KeyRing keys;
  std::vector<gossip::Address> seeds;  ///< beside those that this node's disk remembers
  gossip::Identity identity;
  std::filesystem::path memory;  ///< the folder for what is to survive a restart
};

/// Figures of the protocol, as of the last second.
struct ClusterFigures {
  gossip::Counters gossip;
  gossip::TransportCounters transport;
  std::size_t rumours = 0;
  int health_score = 0;
  std::map<gossip::MemberState, std::size_t> members;
  gossip::Role role;
  bool serving = false;  ///< the networks
};

/// This node among the others: gossips, says of itself what it is told, publishes what it sees of
/// the rest, and keeps its part in who serves the networks.
///
/// Thread: loop, but for view() and figures().
class Cluster {
 public:
  struct Outside {
    /// Another node has changed rows that concern this one.
    std::function<void()> on_nudged;
    /// Nodes came or went, or have another address for meshes.
    std::function<void()> on_peers_changed;
    /// Who serves the networks, or whether this node does.
    std::function<void()> on_role_changed;
    /// Another living node has this one's name, and this one has to go: `what` says who it is.
    std::function<void(const std::string& what)> on_name_taken;
  };

  static Result<std::unique_ptr<Cluster>> Join(EventLoop& loop, WorkerPool& workers,
                                               store::Store& store, ClusterSettings settings,
                                               Outside outside);

  /// What instances may take here in all.
  void SetLimit(const gossip::Amounts& limit);
  /// Those that are placed here, and what they take.
  void SetInstances(std::map<InstanceId, gossip::InstanceReport> instances,
                    const gossip::Amounts& used);
  /// Marks of the images in its cache.
  void SetImages(std::set<std::uint32_t> marks);
  /// The meshes that it is in, by VNI.
  void SetMeshes(std::set<std::uint32_t> vnis);
  /// Hints that rows which concern that node have changed.
  void Nudge(const NodeId& node) { transport_->Nudge(node); }
  void SetKeys(const KeyRing& keys) { transport_->SetKeys(keys); }
  const RoleKeeper& role() const { return *role_; }
  void SetCapable(bool capable) { role_->SetCapable(capable); }
  /// Hands over what it holds and says goodbye; `done` is called after that, or when it takes too
  /// long.
  void Leave(std::function<void()> done);
  /// Once a second.
  void Tick();

  std::shared_ptr<const ClusterView> view() const { return view_.Read(); }           // any
  std::shared_ptr<const ClusterFigures> figures() const { return figures_.Read(); }  // any

 private:
  Cluster(EventLoop& loop, WorkerPool& workers, ClusterSettings settings, Outside outside);

  void On(const gossip::Event& event);
  void Say();
  void Changed();
  void Publish();
  MemberView Show(const gossip::Member& member) const;
  void NoticePeers(const ClusterView& view);
  void RememberPeers();
  void SayGoodbye();

  EventLoop& loop_;
  WorkerPool& workers_;
  const ClusterSettings settings_;
  const Outside outside_;
  gossip::Advert advert_;
  gossip::AdvertWriter writer_;
  gossip::Directory directory_;
  std::unique_ptr<gossip::Transport> transport_;
  std::unique_ptr<RoleKeeper> role_;
  std::uint64_t received_ = 0;
  std::set<gossip::Address> remembered_;
  std::map<NodeId, std::uint32_t> mesh_ips_;  ///< of the nodes that are there
  bool publish_due_ = false;
  bool wake_due_ = false;
  std::function<void()> on_left_;
  EventLoop::Alarm publish_;
  EventLoop::Alarm goodbye_;
  Published<ClusterView> view_;
  Published<ClusterFigures> figures_;
};

/// "192.0.2.1:13002" a line. What cannot be read is left out.
std::vector<gossip::Address> ParsePeers(std::string_view text);

}  // namespace sf
