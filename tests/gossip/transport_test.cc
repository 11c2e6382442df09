// SPDX-License-Identifier: Apache-2.0
#include "gossip/transport.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "gossip/random.h"
#include "gossip/ring.h"
#include "gossip/transport_sentinels.h"
#include "gossip/transport_udp.h"
#include "tests/gossip/transport_cluster.h"

namespace sf::gossip {
namespace {

std::size_t OpenFiles() {
  const std::filesystem::directory_iterator files("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

/// Calls `use` with each socket of this process, which are those of all nodes, and its address.
void ForEachSocket(int type, const std::function<void(int fd, const Address&)>& use) {
  for (const auto& file : std::filesystem::directory_iterator("/proc/self/fd")) {
    const int fd = std::stoi(file.path().filename());
    sockaddr_in raw = {};
    socklen_t size = sizeof raw;
    int found = 0;
    socklen_t found_size = sizeof found;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &found, &found_size) != 0 || found != type) continue;
    if (getsockname(fd, reinterpret_cast<sockaddr*>(&raw), &size) == 0) use(fd, FromSockaddr(raw));
  }
}

/// Lets no datagram in any more, as a firewall might.
void BlockUdp(const Address& address) {
  ForEachSocket(SOCK_DGRAM, [&](int fd, const Address& bound) {
    if (bound != address) return;
    sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
    const sock_fprog program = {.len = 1, .filter = &drop};
    REQUIRE(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0);
  });
}

/// As something on the way might do that forgets connections.
void EndAllConnections() {
  ForEachSocket(SOCK_STREAM, [](int fd, const Address&) {
    int listens = 0;
    socklen_t size = sizeof listens;
    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
    if (listens == 0) shutdown(fd, SHUT_RDWR);
  });
}

TEST_CASE("Transport: two find each other, say something, and one takes its leave") {
  Cluster cluster;
  cluster.Start();  // libuv keeps a descriptor in reserve from the first listener on.
  cluster.nodes.clear();
  const std::size_t files = OpenFiles();
  cluster.StartAll(2);
  REQUIRE(cluster.Until([&] { return cluster.Agreed(); }));
  cluster[1].Announce(7, "hello");
  const NodeId speaker("n1");
  REQUIRE(cluster.Until([&] {
    const auto& items = cluster[0].gossip().members().at(speaker).items();
    return items.contains(7) && items.at(7).payload == "hello";
  }));
  bool left = false;
  cluster[1].Leave(minutes(5), [&left] { left = true; });
  REQUIRE(cluster.Until([&] { return left; }));
  CHECK(cluster.nodes[0]->Count(Event::Kind::kLeft) == 1);
  CHECK(cluster.nodes[0]->Count(Event::Kind::kSuspected) == 0);

  cluster.nodes.clear();
  CHECK(cluster.Until([&] { return OpenFiles() == files; }));
}

TEST_CASE("Transport: a leave that nobody hears ends at its deadline") {
  Cluster cluster;
  cluster.StartAll(2);
  REQUIRE(cluster.Until([&] { return cluster.Agreed(); }));
  BlockUdp(cluster.AddressOf(0));
  bool left = false;
  cluster[1].Leave(milliseconds(200), [&left] { left = true; });
  CHECK_FALSE(left);
  CHECK(cluster.Until([&] { return left; }));
}

TEST_CASE("Transport: ten find each other by one, and each is watched by three") {
  Cluster cluster;
  cluster.StartAll(10);
  CHECK(cluster.Until([&] { return cluster.Agreed(); }));
  CHECK(cluster.Until([&] { return cluster.Watched(); }));
  CHECK(cluster.AllOfLiving([](Transport& node) {
    return node.counters().connections_expelled == 0 && node.counters().refusals == 0;
  }));
}

TEST_CASE("Transport: a joiner gets a large view by TCP") {
  Cluster cluster;
  constexpr std::uint32_t kItems = 2000;
  for (std::size_t i = 0; i < 3; ++i) {
    Transport& node = cluster.Start();
    for (std::uint32_t key = 0; key < kItems; ++key) node.Announce(key, std::string(100, 'x'));
  }
  cluster[1].Join({cluster.AddressOf(0)});
  cluster[2].Join({cluster.AddressOf(0)});
  REQUIRE(cluster.Until([&] { return cluster.Agreed(); }));
  // What is news still comes to the joiner, too, and by UDP.
  REQUIRE(cluster.Until([&] {
    return cluster.AllOfLiving([](Transport& node) { return node.gossip().rumours() == 0; });
  }));
  cluster.Start().Join({cluster.AddressOf(0)});
  REQUIRE(cluster.Until([&] { return cluster.Agreed(); }));
  for (const Member& member : cluster[3].gossip().members()) {
    if (member.said.name.value != "n3") CHECK(member.items().size() == kItems);
  }
  const TransportCounters counters = cluster[3].counters();
  CHECK(counters.tcp_bytes_in > 500'000);
  CHECK(counters.udp_bytes_in < counters.tcp_bytes_in / 4);
}

TEST_CASE("Transport: the kernel tells of a dead process, and two witnesses make it unreachable") {
  Cluster cluster;
  cluster.config.period = minutes(5);  // Nobody would find out by a probe.
  cluster.StartAll(10);
  REQUIRE(cluster.Until([&] { return cluster.Agreed() && cluster.Watched(); }));
  const NodeId victim("n4");
  cluster.nodes[4]->transport = nullptr;
  const auto gone = [&](Transport& node) {
    return node.gossip().members().at(victim).said.state >= MemberState::kUnreachable;
  };
  REQUIRE(cluster.Until([&] { return cluster.AllOfLiving(gone); }));
  const auto& witnesses = cluster[0].gossip().members().at(victim).said.witnesses;
  CHECK(witnesses.size() >= 2);
  CHECK(std::ranges::all_of(witnesses, [](auto& w) { return w.evidence == Evidence::kGone; }));
}

TEST_CASE("Transport: sentinels that end while their members live are made again") {
  Cluster cluster;
  cluster.StartAll(5);
  REQUIRE(cluster.Until([&] { return cluster.Agreed() && cluster.Watched(); }));
  EndAllConnections();
  REQUIRE(cluster.Until([&] {
    return cluster.AllOfLiving(
        [](Transport& node) { return node.counters().connections_accepted >= 6; });
  }));
  CHECK(cluster.Until([&] { return cluster.Watched(); }));
  for (const auto& node : cluster.nodes) CHECK(node->Count(Event::Kind::kSuspected) == 0);
}

TEST_CASE("Sentinels: each member is watched by those who would confirm a suspicion of it") {
  Members members;
  Ring ring;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const NodeId name("n" + std::to_string(i));
    members[name] = {.said = {.name = name, .address = {.ip = i, .port = 1}},
                     .place = Hash(name.value)};
  }
  for (const Member& member : members) ring.Add(member);
  for (const Member& member : members) {
    const auto watchers = ring.Confirmers(member, 3);
    for (const Member& watcher : members) {
      const bool watches = SubjectsOf(watcher, members, 3).contains(member.said.address);
      CHECK(watches == (std::ranges::find(watchers, &watcher) != watchers.end()));
    }
  }
}

TEST_CASE("Transport: whom no datagram reaches, but a connection does, is not called silent") {
  Cluster cluster;
  cluster.config.period = milliseconds(500);  // As this goes on for a few.
  cluster.config.ping_timeout = milliseconds(100);
  cluster.config.oversleep = milliseconds(50);
  cluster.StartAll(3);
  REQUIRE(cluster.Until([&] { return cluster.Agreed(); }));
  BlockUdp(cluster.AddressOf(2));
  REQUIRE(cluster.Until([&] {
    return cluster[0].counters().kernel_checks + cluster[1].counters().kernel_checks >= 4;
  }));
  for (const std::size_t node : {0u, 1u, 2u}) {
    CHECK(cluster.nodes[node]->Count(Event::Kind::kSuspected) == 0);
  }
}

TEST_CASE("Transport: who has another key is not let in, and counted") {
  Cluster cluster;
  cluster.Start();
  cluster.keys = {Seal::Key{9}};
  cluster.Start().Join({cluster.AddressOf(0)});
  const auto wrong = static_cast<std::size_t>(Drop::kWrongKey);
  REQUIRE(cluster.Until([&] { return cluster[0].counters().dropped[wrong] >= 2; }));
  CHECK(cluster[0].gossip().members().size() == 1);

  cluster[0].SetKeys({kClusterKey, Seal::Key{9}});
  cluster[1].SetKeys({Seal::Key{9}, kClusterKey});
  CHECK(cluster.Until([&] { return cluster.Agreed(); }));
}

TEST_CASE("Transport: without a key only loopback is listened on") {
  EventLoop loop;
  const auto listen = [&](Address address) {
    const auto transport =
        Transport::Listen(loop, {.name = NodeId("a"), .address = address, .keys = {}}, nullptr);
    return transport ? "" : transport.error().message;
  };
  CHECK(listen({.ip = 0x0a000001, .port = 7000}) ==
        "gossip has no cluster key, so it does not listen on 10.0.0.1:7000");
  CHECK(listen({.ip = 0, .port = 7000}).starts_with("gossip needs the one address"));
  CHECK(listen({.ip = 0x7f000001, .port = 0}).empty());
}

TEST_CASE("Transport: a port that is taken is named") {
  Cluster cluster;
  const Address taken = cluster.Start().gossip().self().said.address;
  const auto second = Transport::Listen(
      cluster.loop, {.name = NodeId("b"), .address = taken, .keys = {kClusterKey}}, nullptr);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::kConflict);
  CHECK(second.error().message ==
        "gossip cannot listen on " + Print(taken) + " by UDP: Address already in use");
}

// The first answer brings a reset about, and writing the second once raised SIGPIPE, which ends a
// process.
TEST_CASE("Transport: a nudge reaches the one that it is for, with who sent it") {
  Cluster cluster;
  cluster.StartAll(3);
  REQUIRE(cluster.Until([&] { return cluster.Agreed(); }));
  cluster.nodes[0]->transport->Nudge(NodeId("n2"));
  REQUIRE(cluster.Until([&] { return cluster.nodes[2]->Count(Event::Kind::kNudged) == 1; }));
  const auto nudged =
      std::ranges::find(cluster.nodes[2]->events, Event::Kind::kNudged, &Event::kind);
  CHECK(nudged->said.name == NodeId("n0"));
  CHECK(cluster.nodes[1]->Count(Event::Kind::kNudged) == 0);
  cluster.nodes[0]->transport->Nudge(NodeId("nobody"));  // Nothing to send, and nobody to tell.
}

}  // namespace
}  // namespace sf::gossip
