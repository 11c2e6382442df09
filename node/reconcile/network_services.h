// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "net/docker.h"
#include "net/services_folder.h"
#include "net/vxlan_mesh.h"
#include "node/base/event_loop.h"
#include "node/base/metrics.h"
#include "node/base/worker_pool.h"
#include "node/store/store.h"
#include "templates/render.h"

namespace sf::reconcile {

struct ServicesSettings {
  net::MeshSettings mesh;
  net::TermKey term_key = {};
  std::string docker_socket;
  std::string image;    ///< what it is called in Docker
  std::string program;  ///< sf-services; empty: it was not found
  std::string dnsmasq;
  std::filesystem::path folder;  ///< shared with the container
  std::vector<IpAddress> dns_servers;
  std::string egress_nic;
  Netblock floating_network;
  std::vector<std::pair<std::string, std::uint16_t>> databases;  ///< hosts and ports
};

/// What answers for floating addresses on this host, until nothing of it is left. Thread: any
/// (blocks).
Result<void> ClearEgress(const ServicesSettings& settings);

/// Whether this node is to serve the networks, as its election says.
struct Duty {
  bool serving = false;
  bool unsure = false;  ///< just back, and not told yet: what runs is left to itself
  std::uint64_t term = 0;
};

/// DHCP, DNS and gateway of every network, from this host, for as long as that is its duty: one
/// container, told of all rows at each pass, and a heartbeat each second without which it stops by
/// itself. A node without the duty keeps the image at hand, so that taking over is quick.
///
/// Thread: loop, but for Wake() and Ping().
class NetworkServices {
 public:
  /// Told on the loop whether this host could serve: Docker answers and has the image.
  using OnCapable = std::function<void(bool)>;

  NetworkServices(EventLoop& loop, WorkerPool& workers, store::Store& store,
                  const Templates& templates, ServicesSettings settings, Metrics& metrics,
                  OnCapable on_capable);

  /// What ping(8) says of `address`, asked from within `network`. kNotReady when this node does not
  /// serve it. Thread: HTTP (blocks, as a rule for three seconds at most).
  Result<std::vector<std::string>> Ping(const NetworkId& network, IpAddress address) const;

  /// Networks, or who is in them, may have changed. Thread: any.
  void Wake();
  /// Once a second and when it changes, with what the election says at this moment.
  void Tick(const Duty& duty);
  /// Ends what serves here, so that it does not answer beside whoever takes over; then calls back.
  void Stop(std::function<void()> done);

 private:
  void SayUntil(net::BootTime deadline);
  void Begin();
  void OnPassed(const Result<void>& passed);
  Result<void> Serve(std::uint64_t term);  // worker
  Result<void> Prepare();                  // worker
  Result<void> StopServing();              // worker
  void NoteStatus(bool serving);           // worker
  struct Wish {
    net::WantedEgress egress;
    net::Shield shield;
    std::vector<net::WantedNetwork> networks;
  };
  Result<Wish> Wanted();
  net::Shield ShieldOf(const std::vector<NodeRecord>& nodes);
  net::ContainerSpec ContainerOfOurs() const;

  EventLoop& loop_;
  WorkerPool& workers_;
  store::Store& store_;
  const Templates& templates_;
  const ServicesSettings settings_;
  const OnCapable on_capable_;
  net::VxlanMesh mesh_;
  net::Docker docker_;      // of the jobs called "services", as the next
  bool has_image_ = false;  ///< it was there when last looked at
  net::ServicesFolder folder_;
  std::map<std::string, std::set<IpAddress>> database_addresses_;  ///< last known; of these jobs

  std::map<NetworkId, int> dnsmasq_starts_;  ///< last known; likewise

  // As of the last pass, for the metrics.
  Count networks_served_ = 0;
  Count networks_failed_ = 0;
  Count dhcp_hosts_ = 0;
  Count dnsmasq_restarts_ = 0;

  Duty duty_;
  bool running_ = false;
  bool again_ = true;  ///< something is to be done as soon as nothing runs
  bool stopping_ = false;
  int ticks_ = 0;
  std::string said_;  ///< the error that is in the log
};

}  // namespace sf::reconcile
