// SPDX-License-Identifier: Apache-2.0
#include "node/cluster_metrics.h"

#include <algorithm>
#include <string>
#include <utility>

#include "node/model/instance.h"

namespace sf {
namespace {

using gossip::Drop;
using gossip::MemberState;

constexpr std::pair<Drop, const char*> kDrops[] = {{Drop::kTruncated, "truncated"},
                                                   {Drop::kOversized, "oversized"},
                                                   {Drop::kWrongKey, "wrong_key"},
                                                   {Drop::kReplayed, "replayed"}};
constexpr MemberState kStates[] = {MemberState::kAlive, MemberState::kSuspect,
                                   MemberState::kUnreachable, MemberState::kDead,
                                   MemberState::kLeft};

constexpr InstanceState kInstanceStates[] = {InstanceState::kInitial, InstanceState::kCreating,
                                             InstanceState::kCreated, InstanceState::kDeleteWait,
                                             InstanceState::kError};
constexpr double kMegabyte = 1 << 20;
constexpr double kGigabyte = 1 << 30;

using F = const ClusterFigures&;

/// Adds figures of one moment.
class Adder {
 public:
  Adder(Metrics& metrics, const Cluster& cluster) : metrics_(metrics), cluster_(cluster) {}

  template <class Figure>
  void Gauge(const char* name, const char* help, Figure figure, Labels labels = {}) {
    metrics_.Gauge(name, help, From(figure), std::move(labels));
  }
  template <class Figure>
  void Counter(const char* name, const char* help, Figure figure, Labels labels = {}) {
    metrics_.Counter(name, help, From(figure), std::move(labels));
  }

 private:
  template <class Figure>
  Metrics::Read From(Figure figure) const {
    return
        [&cluster = cluster_, figure] { return static_cast<double>(figure(*cluster.figures())); };
  }

  Metrics& metrics_;
  const Cluster& cluster_;
};

void AddTraffic(Adder& add) {
  add.Counter("shakenfist_gossip_datagrams_sent_total", "Datagrams sent by UDP.",
              [](F f) { return f.transport.udp_packets_out; });
  add.Counter("shakenfist_gossip_datagrams_received_total",
              "Datagrams received by UDP, good or not.",
              [](F f) { return f.transport.udp_packets_in; });
  add.Counter("shakenfist_gossip_sent_bytes_total", "Bytes sent by UDP and TCP.",
              [](F f) { return f.transport.udp_bytes_out + f.transport.tcp_bytes_out; });
  add.Counter("shakenfist_gossip_received_bytes_total", "Bytes received by UDP and TCP.",
              [](F f) { return f.transport.udp_bytes_in + f.transport.tcp_bytes_in; });
  constexpr char kDropped[] = "shakenfist_gossip_datagrams_dropped_total";
  constexpr char kDroppedHelp[] = "Datagrams that were not let in.";
  for (const auto& [drop, reason] : kDrops) {
    add.Counter(
        kDropped, kDroppedHelp,
        [index = static_cast<std::size_t>(drop)](F f) { return f.transport.dropped[index]; },
        {{"reason", reason}});
  }
  add.Counter(kDropped, kDroppedHelp, [](F f) { return f.gossip.malformed; },
              {{"reason", "malformed"}});
  add.Counter("shakenfist_gossip_sends_failed_total", "Datagrams that the kernel did not take.",
              [](F f) { return f.transport.udp_sends_failed; });
  add.Gauge("shakenfist_gossip_connections", "TCP connections between nodes.",
            [](F f) { return f.transport.connections_open; });
  add.Counter("shakenfist_gossip_connections_refused_total",
              "TCP connections that were turned away or ended by a limit.", [](F f) {
                return f.transport.connections_over_limit + f.transport.connections_expelled;
              });
}

void AddProtocol(Adder& add) {
  for (const MemberState state : kStates) {
    add.Gauge("shakenfist_gossip_members", "Members of the cluster, as this node sees them.",
              [state](F f) {
                const auto found = f.members.find(state);
                return found == f.members.end() ? std::size_t{0} : found->second;
              },
              {{"state", std::string(ToString(state))}});
  }
  add.Counter("shakenfist_gossip_probes_total", "Members asked whether they are there.",
              [](F f) { return f.gossip.probes; });
  add.Counter("shakenfist_gossip_probes_failed_total", "Probes that nobody answered.",
              [](F f) { return f.gossip.probes_failed; });
  add.Counter("shakenfist_gossip_refutations_total", "Suspicions of this node that it answered.",
              [](F f) { return f.gossip.refutations; });
  add.Counter("shakenfist_gossip_comparisons_total", "Views compared with another node's.",
              [](F f) { return f.gossip.syncs; });
  add.Counter("shakenfist_gossip_overslept_total",
              "Times that this node was stopped for longer than a blink.",
              [](F f) { return f.gossip.overslept; });
  add.Gauge("shakenfist_gossip_health_score",
            "How much this node doubts its own hearing; 0 is well.",
            [](F f) { return f.health_score; });
  add.Gauge("shakenfist_gossip_rumours", "Changes that are still to be told to others.",
            [](F f) { return f.rumours; });
}

void AddRole(Adder& add) {
  add.Gauge("shakenfist_network_services_serving", "Whether this node serves the networks.",
            [](F f) { return f.serving; });
  add.Gauge("shakenfist_network_services_capable", "Whether this node could serve the networks.",
            [](F f) { return f.role.ready; });
  add.Gauge("shakenfist_network_services_term",
            "The highest term of who serves the networks that this node knows of.",
            [](F f) { return f.role.highest.term; });
}

void AddRoom(Metrics& metrics, const NodeId& self, const Cluster& cluster) {
  const auto gauge = [&](const char* name, const char* help, auto figure, Labels labels = {}) {
    metrics.Gauge(
        name, help,
        [self, &cluster, figure] {
          const auto view = cluster.view();
          const MemberView* const own = view->Find(self);
          return own == nullptr || !own->advert ? 0 : static_cast<double>(figure(*own->advert));
        },
        std::move(labels));
  };
  using A = const gossip::Advert&;
  gauge("shakenfist_limit_cpus", "What instances may have here in all, overcommitted.",
        [](A a) { return a.capacity.limit.cpus; });
  gauge("shakenfist_limit_memory_bytes", "What instances may have here in all, overcommitted.",
        [](A a) { return static_cast<double>(a.capacity.limit.memory_mb) * kMegabyte; });
  gauge("shakenfist_limit_disk_bytes", "What instances may have here in all.",
        [](A a) { return static_cast<double>(a.capacity.limit.disk_gb) * kGigabyte; });
  gauge("shakenfist_used_cpus", "What instances were given here.",
        [](A a) { return a.capacity.used.cpus; });
  gauge("shakenfist_used_memory_bytes", "What instances were given here.",
        [](A a) { return static_cast<double>(a.capacity.used.memory_mb) * kMegabyte; });
  gauge("shakenfist_used_disk_bytes", "What instances were given here, if their disks were full.",
        [](A a) { return static_cast<double>(a.capacity.used.disk_gb) * kGigabyte; });
  for (const InstanceState state : kInstanceStates) {
    gauge("shakenfist_instances", "Instances of this node.",
          [name = std::string(ToString(state))](A a) {
            return std::ranges::count_if(a.instances,
                                         [&](const auto& one) { return one.second.state == name; });
          },
          {{"state", std::string(ToString(state))}});
  }
}

}  // namespace

void AddClusterMetrics(Metrics& metrics, const NodeId& self, const Cluster& cluster) {
  Adder add(metrics, cluster);
  AddProtocol(add);
  AddTraffic(add);
  AddRole(add);
  AddRoom(metrics, self, cluster);
}

}  // namespace sf
