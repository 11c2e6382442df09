// SPDX-License-Identifier: Apache-2.0
#include "gossip/broadcasts.h"

#include <catch2/catch.hpp>
#include <deque>
#include <memory>

namespace sf::gossip {
namespace {

constexpr std::uint64_t kStart = 12345;

NodeId Name(std::size_t i) { return NodeId("n" + std::to_string(i)); }
Address AddressOf(std::size_t i) { return {.ip = static_cast<std::uint32_t>(i), .port = 1}; }
Statement About(std::size_t i) { return {.name = Name(i), .address = AddressOf(i)}; }
Announced ItemOf(std::size_t i, std::uint64_t version = 1) {
  return {.owner = Name(i), .boot = 0, .item = {1, version, "x"}, .until = {}};
}

/// One view of `n` members, and what the first of them sends.
struct View {
  Config config;
  Random random{1};
  Members members;
  Ring ring;
  Time now = Time(seconds(100));

  explicit View(std::size_t n) {
    config.settled_at = 0;  // Nobody is told at random, but where the test is about that.
    for (std::size_t i = 0; i < n; ++i) {
      Member& member = members[Name(i)];
      member = {.said = About(i), .place = Hash(Name(i).value)};
      ring.Add(member);
    }
  }
  Member& At(std::size_t i) { return *members.Find(Name(i)); }
  std::vector<Datagram> Tick(Broadcasts& broadcasts, std::size_t self) {
    Outbox outbox;
    broadcasts.Tick(now, kStart, ring, members, At(self), outbox);
    return outbox.Flush(now, Name(self), self, config.max_datagram);
  }
};

/// Carries everything between the members, all of which hear of it at once, and acknowledge.
struct Cluster : View {
  std::deque<Broadcasts> nodes;
  std::vector<int> received;
  std::size_t datagrams = 0;

  explicit Cluster(std::size_t n) : View(n), received(n) {
    for (std::size_t i = 0; i < n; ++i) nodes.emplace_back(config, random);
  }
  /// One hop; false if nobody had anything to say.
  bool Hop() {
    std::vector<std::pair<std::size_t, Datagram>> sent;
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      for (Datagram& datagram : Tick(nodes[i], i)) sent.emplace_back(i, std::move(datagram));
    }
    for (const auto& [from, datagram] : sent) Deliver(from, datagram);
    datagrams += sent.size();
    return !sent.empty();
  }
  void Deliver(std::size_t from, const Datagram& datagram) {
    const std::size_t to = datagram.to.ip;
    const auto packet = Decode(datagram.bytes);
    REQUIRE(packet);
    for (const Part& part : packet->parts) {
      const auto& announced = std::get<Announced>(part);
      ++received[to];
      nodes[to].Spread(announced, Name(from), now);
      nodes[from].OnHeard({Broadcasts::IdOf(announced), false}, Name(to));
    }
  }
};

TEST_CASE("Broadcasts: news reaches everyone once, after ceil(log4 n) hops") {
  for (const auto& [n, hops] : {std::pair(2, 1), {4, 1}, {16, 2}, {64, 3}, {256, 4}}) {
    Cluster cluster(static_cast<std::size_t>(n));
    cluster.nodes[0].Spread(ItemOf(0), {}, cluster.now);
    int taken = 0;
    while (cluster.Hop()) ++taken;
    CHECK(taken <= hops);
    for (std::size_t i = 1; i < cluster.nodes.size(); ++i) CHECK(cluster.received[i] == 1);
    CHECK(cluster.received[0] <= 1);  // by whoever has the arc in which it is
  }
}

TEST_CASE("Broadcasts: what is told at one moment shares its datagrams, whoever begins it") {
  Cluster cluster(100);
  for (std::size_t i = 0; i < 20; ++i) cluster.nodes[5 * i].Spread(ItemOf(5 * i), {}, cluster.now);
  cluster.Hop();
  const std::size_t first = cluster.datagrams;
  for (int hop = 0; hop < 5; ++hop) {
    cluster.now += cluster.config.gather;
    cluster.Hop();
  }
  for (std::size_t i = 0; i < 100; ++i) CHECK(cluster.received[i] >= 19);
  CHECK(first <= 80);
  CHECK(cluster.datagrams - first < 200);  // apart it would be 1900
}

TEST_CASE("Broadcasts: a few rumours go on at once, many together") {
  View view(100);
  Broadcasts broadcasts(view.config, view.random);
  int flushes = 0;
  for (int i = 0; i < 100; ++i) {
    broadcasts.Spread(ItemOf(static_cast<std::size_t>(i)), Name(99), view.now);
    const bool sent = !view.Tick(broadcasts, 0).empty();
    if (i < view.config.at_once) CHECK(sent);
    flushes += sent;
    view.now += milliseconds(2);
  }
  const int in_time = static_cast<int>(milliseconds(200) / view.config.gather);
  CHECK(flushes <= view.config.at_once + in_time);
  CHECK(flushes >= in_time);
}

TEST_CASE("Broadcasts: a push is repeated until it is acknowledged, at growing intervals") {
  View view(2);
  Broadcasts broadcasts(view.config, view.random);
  broadcasts.Spread(ItemOf(0), {}, view.now);
  std::vector<Duration> sent;
  const Time began = view.now;
  while (sent.size() < 4) {
    if (!view.Tick(broadcasts, 0).empty()) sent.push_back(view.now - began);
    view.now = broadcasts.next_tick();
  }
  const Duration retry = view.config.push_retry;
  CHECK(sent == std::vector<Duration>{Duration(0), retry, 3 * retry, 7 * retry});
  broadcasts.OnHeard({Broadcasts::IdOf(ItemOf(0)), false}, Name(1));
  view.Tick(broadcasts, 0);
  CHECK(broadcasts.size() == 0);
}

TEST_CASE("Broadcasts: who never answers is given up") {
  View view(2);
  Broadcasts broadcasts(view.config, view.random);
  broadcasts.Spread(ItemOf(0), {}, view.now);
  int sent = 0;
  while (broadcasts.size() > 0) {
    sent += !view.Tick(broadcasts, 0).empty();
    if (broadcasts.size() > 0) view.now = broadcasts.next_tick();
  }
  CHECK(sent == view.config.push_tries);
}

// Whoever was cut off once told everyone 8 times of every member that it found silent.
TEST_CASE("Broadcasts: who is answered by nobody does not tell everyone over and over") {
  View view(100);
  Broadcasts broadcasts(view.config, view.random);
  broadcasts.Spread(ItemOf(0), {}, view.now);
  std::map<std::uint32_t, int> told;
  while (broadcasts.size() > 0) {
    for (const Datagram& datagram : view.Tick(broadcasts, 0)) ++told[datagram.to.ip];
    if (broadcasts.size() > 0) view.now = broadcasts.next_tick();
  }
  CHECK(told.size() == 99);
  for (const auto& [member, times] : told) CHECK(times == view.config.orphaned_at);
}

TEST_CASE("Broadcasts: the arc of one that stays silent is told by whoever left it to that one") {
  View view(100);
  Broadcasts broadcasts(view.config, view.random);
  broadcasts.Spread(ItemOf(0), {}, view.now);
  std::set<std::uint32_t> told;
  const auto heads = view.Tick(broadcasts, 0);
  CHECK(heads.size() == 4);
  for (int i = 0; i < view.config.orphaned_at; ++i) {
    for (const Datagram& datagram : view.Tick(broadcasts, 0)) told.insert(datagram.to.ip);
    view.now = broadcasts.next_tick();
  }
  CHECK(told.size() == 4 + 16);  // four arcs, each cut into four
}

TEST_CASE("Broadcasts: nothing is left to a member that is suspect, or whom the news is about") {
  View view(100);
  Broadcasts broadcasts(view.config, view.random);
  const Ring::Arc all = view.ring.All(kStart);
  const std::size_t self = 0;
  Statement accusation = view.ring.at(all.first).said;
  accusation.witnesses = {{Name(self), Evidence::kSilent}};
  view.members[view.ring.at(all.first + 25).said.name].said.state = MemberState::kSuspect;
  broadcasts.Spread(accusation, {}, {}, view.now);
  std::size_t heads = 0;
  for (const Datagram& datagram : view.Tick(broadcasts, self)) {
    const NodeId to = Name(datagram.to.ip);
    const auto packet = Decode(datagram.bytes);
    REQUIRE(packet);
    const bool leaf = std::get<Tell>(packet->parts.front()).until == to;
    const bool able = view.members.at(to).said.state == MemberState::kAlive;
    CHECK(leaf == (to == accusation.name || !able));
    heads += !leaf;
  }
  CHECK(heads == 4);
}

TEST_CASE(
    "Broadcasts: a newer rumour replaces the older; a member's own word answers testimonies") {
  View view(10);
  Broadcasts broadcasts(view.config, view.random);
  broadcasts.Spread(ItemOf(1, 1), Name(9), view.now);
  broadcasts.Spread(ItemOf(1, 2), Name(9), view.now);
  CHECK(broadcasts.size() == 1);
  for (const std::size_t witness : {3, 4}) {
    Statement testimony = About(2);
    testimony.witnesses = {{Name(witness), Evidence::kSilent}};
    broadcasts.Spread(testimony, {}, Name(9), view.now);
  }
  CHECK(broadcasts.size() == 3);
  broadcasts.Spread(About(2), {}, Name(9), view.now);
  CHECK(broadcasts.size() == 2);
}

TEST_CASE("Broadcasts: the queue has a limit") {
  View view(10);
  view.config.max_rumours = 5;
  Broadcasts broadcasts(view.config, view.random);
  for (std::size_t i = 0; i < 10; ++i) broadcasts.Spread(ItemOf(i), Name(9), view.now);
  CHECK(broadcasts.size() == 5);
}

TEST_CASE("Broadcasts: random members are told until one knew it already") {
  View view(100);
  view.config.settled_at = 1;
  Broadcasts broadcasts(view.config, view.random);
  Announced leaf = ItemOf(1);
  leaf.until = Name(0);  // Itself: there is nobody to be told.
  broadcasts.Spread(leaf, Name(9), view.now);
  std::set<std::uint32_t> told;
  while (told.size() < 3) {
    for (const Datagram& datagram : view.Tick(broadcasts, 0)) told.insert(datagram.to.ip);
    view.now = broadcasts.next_tick();
  }
  broadcasts.OnHeard({Broadcasts::IdOf(leaf), true}, Name(*told.begin()));
  view.now += seconds(1);
  CHECK(view.Tick(broadcasts, 0).empty());
  CHECK(broadcasts.size() == 0);
}

TEST_CASE("Broadcasts: what nobody was told for is told when it comes along the tree, once") {
  View view(10);
  Broadcasts broadcasts(view.config, view.random);
  broadcasts.NoteUntold(ItemOf(1));
  CHECK(broadcasts.WasUntold(Broadcasts::IdOf(ItemOf(1))));
  CHECK_FALSE(broadcasts.WasUntold(Broadcasts::IdOf(ItemOf(1))));
  Statement accused = About(2);
  accused.witnesses = {{Name(3), {}}, {Name(4), {}}};
  broadcasts.NoteUntold(accused);  // Each testimony travels alone.
  accused.witnesses = {{Name(4), {}}};
  CHECK(broadcasts.WasUntold(Broadcasts::IdOf(accused)));
}

TEST_CASE("Broadcasts: another arc of a rumour under way is told in addition, nobody twice") {
  View view(50);
  Broadcasts broadcasts(view.config, view.random);
  const std::size_t own = view.ring.Between(view.At(0).place, view.At(0).place - 1).first;
  Announced item = ItemOf(1);
  item.until = view.ring.at(own + 3).said.name;
  broadcasts.Spread(item, Name(1), view.now);
  const std::size_t near = view.Tick(broadcasts, 0).size();
  CHECK(near <= 3);
  view.now += milliseconds(2);
  broadcasts.AlsoTell(Broadcasts::IdOf(item), item.until, view.now);
  CHECK(view.Tick(broadcasts, 0).empty());
  broadcasts.AlsoTell(Broadcasts::IdOf(item), view.ring.at(own + 40).said.name, view.now);
  CHECK(view.Tick(broadcasts, 0).size() >= 3);
}

}  // namespace
}  // namespace sf::gossip
