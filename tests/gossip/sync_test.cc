// SPDX-License-Identifier: Apache-2.0
#include "gossip/sync.h"

#include <catch2/catch.hpp>

#include "gossip/codec.h"

namespace sf::gossip {
namespace {

constexpr std::size_t kLimit = 1200;

struct Node {
  Config config;
  Membership members;
  std::vector<Event> events;
  Time now = Time(seconds(100));

  explicit Node(const std::string& name)
      : members(config, {.name = NodeId(name), .address = {}, .boot = 1}) {}
  void Hear(const Statement& statement) {
    if (statement.name != members.self().said.name) members.Apply(statement, now, events);
  }
  void HearOf(const std::string& name, Incarnation incarnation = 0) {
    Hear({.name = NodeId(name), .address = {}, .boot = 1, .incarnation = incarnation});
  }
  void HearItem(const std::string& owner, std::uint32_t key, std::uint64_t version) {
    members.Apply(Announced{NodeId(owner), 1, {key, version, std::string(50, 'x')}, {}}, events);
  }
  /// What it says to a part of a comparison.
  std::vector<Part> On(const Part& part) {
    if (const auto* buckets = std::get_if<Buckets>(&part)) return Answer(members, *buckets, kLimit);
    if (const auto* delta = std::get_if<Delta>(&part)) members.Apply(*delta, events);
    if (const auto* want = std::get_if<Want>(&part)) {
      return ItemsSince(*members.Find(want->owner), want->since, kLimit);
    }
    if (const auto* entries = std::get_if<Entries>(&part)) {
      for (const Entries::Entry& entry : entries->entries) Hear(entry.statement);
      return Reconcile(members, *entries, kLimit);
    }
    return {};
  }
};

/// Until nobody has anything more to say; how many parts went to and fro. Drops what `lost` says.
template <class Lost>
std::size_t Compare(Node& asker, Node& other, const Lost& lost) {
  std::vector<Part> to_other = {Summarise(asker.members)};
  std::size_t parts = 0;
  for (Node* hearer = &other; !to_other.empty(); hearer = hearer == &other ? &asker : &other) {
    std::vector<Part> answers;
    for (const Part& part : to_other) {
      CHECK(EncodePart(part).size() <= kLimit);
      if (lost(parts++)) continue;
      for (Part& answer : hearer->On(part)) answers.push_back(std::move(answer));
    }
    to_other = std::move(answers);
    REQUIRE(parts < 10000);
  }
  return parts;
}

std::size_t Compare(Node& asker, Node& other) {
  return Compare(asker, other, [](std::size_t) { return false; });
}

TEST_CASE("Sync: one comparison makes a joiner's view and a full one equal, items and all") {
  for (const bool joiner_asks : {true, false}) {
    Node joiner("joiner");
    Node other("other");
    for (int i = 0; i < 300; ++i) other.HearOf("n" + std::to_string(i));
    for (std::uint32_t i = 1; i <= 60; ++i) other.HearItem("n7", i, i);
    joiner_asks ? Compare(joiner, other) : Compare(other, joiner);
    CHECK(joiner.members.view() == other.members.view());
    CHECK(joiner.members.members().size() == 302);
    CHECK(joiner.members.Find(NodeId("n7"))->items().size() == 60);
  }
}

TEST_CASE("Sync: where both know what the other does not, both learn it") {
  Node a("a");
  Node b("b");
  for (int i = 0; i < 100; ++i) {
    a.HearOf("n" + std::to_string(i), i % 3 == 0);
    b.HearOf("n" + std::to_string(i), i % 5 == 0);
  }
  a.HearOf("only-a");
  b.HearOf("only-b");
  Statement accused = {.name = NodeId("n1"), .address = {}, .boot = 1};
  accused.state = MemberState::kSuspect;
  accused.witnesses = {{NodeId("n2"), Evidence::kSilent}};
  a.Hear(accused);
  a.HearItem("n4", 1, 1);
  b.HearItem("n8", 1, 1);
  Compare(a, b);
  CHECK(a.members.view() == b.members.view());
}

TEST_CASE("Sync: only what differs travels") {
  Node a("a");
  Node b("b");
  for (int i = 0; i < 1000; ++i) {
    a.HearOf("n" + std::to_string(i));
    b.HearOf("n" + std::to_string(i));
  }
  Compare(a, b);
  CHECK(Compare(a, b) == 2);  // the hashes, and that they are the same
  a.HearOf("one-more");
  const auto answer = b.On(Summarise(a.members));
  REQUIRE(answer.size() == 1);
  CHECK(std::get<Entries>(answer[0]).entries.size() < 30);  // one bucket of its 1002
}

TEST_CASE("Sync: a lost part loses nothing but time") {
  for (const std::size_t lost : {0, 1, 2, 3, 5, 8}) {
    Node a("a");
    Node b("b");
    for (int i = 0; i < 200; ++i) {
      (i % 2 == 0 ? a : b).HearOf("n" + std::to_string(i));
    }
    Compare(a, b, [lost](std::size_t part) { return part == lost; });
    Compare(a, b);
    CHECK(a.members.view() == b.members.view());
  }
}

TEST_CASE("Sync: the dead are not spoken of") {
  Node a("a");
  Node b("b");
  for (const char* name : {"x", "y", "z"}) a.HearOf(name);
  a.Hear({.name = NodeId("x"), .address = {}, .boot = 1, .state = MemberState::kLeft});
  Compare(b, a);
  CHECK(b.members.Find(NodeId("y")) != nullptr);
  CHECK(b.members.Find(NodeId("x")) == nullptr);
}

TEST_CASE("Sync: items come in deltas that follow on one another without a gap") {
  Node a("a");
  a.HearOf("owner");
  for (std::uint32_t i = 1; i <= 100; ++i) a.HearItem("owner", i, i);
  const Member& owner = *a.members.Find(NodeId("owner"));
  std::uint64_t reached = 40;
  std::size_t items = 0;
  const auto parts = ItemsSince(owner, reached, kLimit);
  CHECK(parts.size() > 1);
  for (const Part& part : parts) {
    const auto& delta = std::get<Delta>(part);
    CHECK(EncodePart(part).size() <= kLimit);
    CHECK(delta.since == reached);
    reached = delta.through;
    items += delta.items.size();
  }
  CHECK(reached == 100);
  CHECK(items == 60);
}

}  // namespace
}  // namespace sf::gossip
