// SPDX-License-Identifier: Apache-2.0
#include "node/cluster_metrics.h"

#include <string>
#include <utility>

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

}  // namespace

void AddClusterMetrics(Metrics& metrics,
                       std::function<std::shared_ptr<const ClusterFigures>()> read) {
  const auto gauge = [&](const char* name, const char* help, auto figure,
                         const std::map<std::string, std::string>& labels = {}) {
    metrics.Gauge(
        std::string("gossip_") + name, help,
        [read, figure] { return static_cast<double>(figure(*read())); }, labels);
  };
  using F = const ClusterFigures&;
  for (const MemberState state : kStates) {
    gauge("members", "Members of the cluster, as this node sees them.",
          [state](F f) {
            const auto found = f.members.find(state);
            return found == f.members.end() ? std::size_t{0} : found->second;
          },
          {{"state", std::string(ToString(state))}});
  }
  gauge("datagrams_sent", "Datagrams sent by UDP.",
        [](F f) { return f.transport.udp_packets_out; });
  gauge("datagrams_received", "Datagrams received by UDP, good or not.",
        [](F f) { return f.transport.udp_packets_in; });
  gauge("bytes_sent", "Bytes sent by UDP and TCP.",
        [](F f) { return f.transport.udp_bytes_out + f.transport.tcp_bytes_out; });
  gauge("bytes_received", "Bytes received by UDP and TCP.",
        [](F f) { return f.transport.udp_bytes_in + f.transport.tcp_bytes_in; });
  for (const auto& [drop, reason] : kDrops) {
    gauge("dropped", "Datagrams that were not let in.",
          [index = static_cast<std::size_t>(drop)](F f) { return f.transport.dropped[index]; },
          {{"reason", reason}});
  }
  gauge("dropped", "Datagrams that were not let in.", [](F f) { return f.gossip.malformed; },
        {{"reason", "malformed"}});
  gauge("sends_failed", "Datagrams that the kernel did not take.",
        [](F f) { return f.transport.udp_sends_failed; });
  gauge("connections", "TCP connections between nodes.",
        [](F f) { return f.transport.connections_open; });
  gauge("connections_refused", "TCP connections that were turned away or ended by a limit.",
        [](F f) { return f.transport.connections_over_limit + f.transport.connections_expelled; });
  gauge("probes", "Members asked whether they are there.", [](F f) { return f.gossip.probes; });
  gauge("probes_failed", "Probes that nobody answered.",
        [](F f) { return f.gossip.probes_failed; });
  gauge("refutations", "Suspicions of this node that it answered.",
        [](F f) { return f.gossip.refutations; });
  gauge("comparisons", "Views compared with another node's.", [](F f) { return f.gossip.syncs; });
  gauge("overslept", "Times that this node was stopped for longer than a blink.",
        [](F f) { return f.gossip.overslept; });
  gauge("health_score", "How much this node doubts its own hearing; 0 is well.",
        [](F f) { return f.health_score; });
  gauge("rumours", "Changes that are still to be told to others.", [](F f) { return f.rumours; });
}

}  // namespace sf
