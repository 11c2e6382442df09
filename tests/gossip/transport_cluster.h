// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <uv.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gossip/transport.h"

namespace sf::gossip {

constexpr Seal::Key kClusterKey = {1, 2, 3};
constexpr std::uint32_t kFirstHost = 0x7f4d0001;  // 127.77.0.1

/// Real sockets on loopback addresses, all in one loop: nodes n0, n1, ..., each on a host of its
/// own as far as addresses go.
struct Cluster {
  struct Node {
    std::unique_ptr<Transport> transport;
    std::vector<Event> events = {};
    std::size_t Count(Event::Kind kind) const {
      return static_cast<std::size_t>(std::ranges::count(events, kind, &Event::kind));
    }
  };

  EventLoop loop;
  Config config;
  std::vector<Seal::Key> keys = {kClusterKey};
  std::vector<std::unique_ptr<Node>> nodes;

  Transport& Start() {
    const auto index = static_cast<std::uint32_t>(nodes.size());
    Node& node = *nodes.emplace_back(std::make_unique<Node>());
    node.transport =
        Transport::Listen(loop,
                          {.config = config,
                           .name = NodeId("n" + std::to_string(index)),
                           .address = {.ip = kFirstHost + index, .port = 0},
                           .keys = keys},
                          [&node](const Event& event) { node.events.push_back(event); })
            .value();
    return *node.transport;
  }
  void StartAll(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      Start().Join(i == 0 ? std::vector<Address>{} : std::vector{AddressOf(0)});
    }
  }
  /// Runs the loop until then; false if that takes too long.
  bool Until(const std::function<bool()>& done, Duration at_most = seconds(20)) {
    bool late = false;
    EventLoop::Alarm deadline(loop, [&late] { late = true; });
    deadline.Set(std::chrono::steady_clock::now() + at_most);
    while (!done() && !late) uv_run(loop.uv(), UV_RUN_ONCE);
    return done();
  }

  Transport& operator[](std::size_t node) { return *nodes[node]->transport; }
  const Address& AddressOf(std::size_t node) { return (*this)[node].gossip().self().said.address; }
  bool AllOfLiving(const std::function<bool(Transport&)>& fits) {
    return std::ranges::all_of(
        nodes, [&](const auto& node) { return !node->transport || fits(*node->transport); });
  }
  bool Agreed() {
    const std::uint64_t view = (*this)[0].gossip().view();
    return AllOfLiving([&](Transport& node) {
      return node.gossip().members().size() == nodes.size() && node.gossip().view() == view;
    });
  }
  bool Watched() {
    const std::size_t each = 2 * std::min<std::size_t>(config.confirmers, nodes.size() - 1);
    return AllOfLiving([&](Transport& node) { return node.counters().connections_open == each; });
  }
};

}  // namespace sf::gossip
