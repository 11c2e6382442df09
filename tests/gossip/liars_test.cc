// SPDX-License-Identifier: Apache-2.0
// What a member can bring about by saying what is not so. Some were found by tests/fuzz.
#include <catch2/catch.hpp>

#include "gossip/codec.h"
#include "gossip/gossip.h"
#include "gossip/sync.h"

namespace sf::gossip {
namespace {

constexpr Time kStart{std::chrono::hours(1)};
constexpr Time kQuiet = kStart + seconds(20);
const NodeId kSelf("self");
const Address kHere = {.ip = 0x0a000001, .port = 13002};
const Address kThere = {.ip = 0x0a000002, .port = 13002};

Output Hear(Gossip& gossip, const std::vector<Part>& said, Time now) {
  std::vector<std::string> parts;
  for (const Part& part : said) parts.push_back(EncodePart(part));
  const auto datagrams = Assemble(NodeId("liar"), 99, parts, Config().max_datagram);
  REQUIRE(datagrams.size() == 1);
  return gossip.Receive(kThere, datagrams.front(), now);
}

std::size_t Bytes(const Output& output) {
  std::size_t bytes = 0;
  for (const Datagram& datagram : output.sends) bytes += datagram.bytes.size();
  return bytes;
}

/// As much of one thing as a datagram holds.
std::vector<Part> Full(const Part& part) {
  return std::vector<Part>((Config().max_datagram - 100) / EncodePart(part).size(), part);
}

// An earlier life of this node is looked for where it was said to be, and meanwhile this node
// answers an accusation. When nobody was found there, it once took the incarnation after that of
// the earlier life, which was below the one that it had by then: nobody believed it any more.
TEST_CASE("Gossip: an incarnation never goes back, whatever came up meanwhile") {
  Time now = kStart;
  Gossip gossip({}, kSelf, kHere, 5, 1, now);
  const Statement earlier_life = {kSelf, kThere, 3, 0, MemberState::kAlive};
  (void)Hear(gossip, {Tell{earlier_life, kSelf}}, now);
  const Statement accusation = {kSelf, kHere, 5, 10, MemberState::kSuspect, {{NodeId("x"), {}}}};
  (void)Hear(gossip, {Tell{accusation, kSelf}}, now);
  REQUIRE(gossip.self().said.incarnation == 11);
  while (now < kStart + seconds(2)) {
    now = gossip.NextTick();
    (void)gossip.Tick(now);
    CHECK(gossip.self().said.incarnation >= 11);
  }
}

// Some switches, and loops in a network, send back what they are given.
TEST_CASE("Gossip: an echo is no answer") {
  Time now = kStart;
  Gossip gossip({}, kSelf, kHere, 5, 1, now);
  const Statement alive = {NodeId("liar"), kThere, 99, 0, MemberState::kAlive};
  std::vector<Datagram> echoes = Hear(gossip, {Tell{alive, NodeId("liar")}}, now).sends;
  while (now < kStart + seconds(10)) {
    std::vector<Datagram> next;
    for (const Datagram& echo : echoes) {
      for (Datagram& sent : gossip.Receive(echo.to, echo.bytes, now).sends) {
        next.push_back(std::move(sent));
      }
    }
    now = std::max(now, gossip.NextTick());
    for (Datagram& sent : gossip.Tick(now).sends) next.push_back(std::move(sent));
    echoes = std::move(next);
  }
  CHECK(gossip.members().at(NodeId("liar")).said.state == MemberState::kDead);
  CHECK(gossip.self().said.incarnation == 0);
}

/// A node that knows 300 others and has announced 100 items of 900 bytes.
struct BigTable {
  explicit BigTable(Config with = {}) : config(with) {
    for (std::uint32_t i = 0; i < 300; ++i) {
      const NodeId name("member-" + std::to_string(i));
      const Statement said = {name, {.ip = i, .port = 13002}, 1, 0, MemberState::kAlive};
      (void)Hear(gossip, {Entries{.buckets = 1, .entries = {{said, 0}}}}, kStart);
    }
    REQUIRE(gossip.members().size() == 301);
    for (std::uint32_t key = 0; key < 100; ++key) {
      (void)gossip.Announce(key, std::string(900, 'x'), kStart);
    }
    // All that is to be told of it has been told.
    for (Time now = kStart; now < kQuiet; now = gossip.NextTick()) {
      (void)gossip.Tick(now);
    }
  }

  const Config config;
  Gossip gossip{config, kSelf, kHere, 5, 1, kStart};
};

// One datagram that asks for everything as often as it can once brought forth up to 10,000 times
// its own size.
TEST_CASE("Gossip: one datagram is answered by a bounded number of bytes") {
  BigTable table;
  // One part is sent whole, and framing is added to each datagram.
  const std::size_t bound = table.config.max_answer + table.config.max_answer / 5;
  const std::size_t once = Bytes(Hear(table.gossip, {Buckets{{1}}}, kQuiet));
  CHECK(once > 300 * 20);  // the whole table, which is meant to be had

  CHECK(Bytes(Hear(table.gossip, Full(Buckets{{1}}), kQuiet)) <= bound);
  CHECK(Bytes(Hear(table.gossip, Full(Entries{.buckets = 1, .covered = {0}}), kQuiet)) <= bound);
  CHECK(Bytes(Hear(table.gossip, Full(Want{kSelf, 5, 0}), kQuiet)) <= bound);
  const std::vector<std::uint32_t> often(500, 0);
  CHECK(Bytes(Hear(table.gossip, {Entries{.buckets = 1, .covered = often}}, kQuiet)) <=
        once + 2000);
}

// The bound above loses nothing: who compares again gets the next part of it.
TEST_CASE("Gossip: what one answer had no room for comes with the next comparison") {
  BigTable big({.max_answer = 6000});
  const Config config;
  Membership table(config, {NodeId("liar"), kThere, 99});
  std::vector<Event> events;
  const auto hear = [&](const Output& answer) {
    CHECK(Bytes(answer) <= 8000);
    for (const Datagram& datagram : answer.sends) {
      if (datagram.to != kThere) continue;
      const auto packet = Decode(datagram.bytes);
      REQUIRE(packet);
      for (const Part& part : packet->parts) {
        if (const auto* delta = std::get_if<Delta>(&part)) table.Apply(*delta, events);
        const auto* entries = std::get_if<Entries>(&part);
        if (entries == nullptr) continue;
        for (const auto& entry : entries->entries) table.Apply(entry.statement, kStart, events);
      }
    }
  };
  int comparisons = 0;
  for (; table.members().size() < 302 && comparisons < 30; ++comparisons) {
    hear(Hear(big.gossip, {Summarise(table)}, kQuiet));
  }
  for (; table.Find(kSelf)->complete < 100 && comparisons < 80; ++comparisons) {
    hear(Hear(big.gossip, {Want{kSelf, 5, table.Find(kSelf)->complete}}, kQuiet));
  }
  CAPTURE(comparisons);
  CHECK(table.members().size() == 302);
  CHECK(table.Find(kSelf)->complete == 100);
}

}  // namespace
}  // namespace sf::gossip
