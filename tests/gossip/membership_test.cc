// SPDX-License-Identifier: Apache-2.0
#include "gossip/membership.h"

#include <catch2/catch.hpp>

#include "gossip/random.h"

namespace sf::gossip {
namespace {

constexpr BootId kBoot = 10;
const NodeId kSelf("self");
const NodeId kPeer("peer");

Statement Alive(Incarnation incarnation, BootId boot = kBoot) {
  return {.name = kPeer, .address = {}, .boot = boot, .incarnation = incarnation};
}

Statement Suspect(Incarnation incarnation, const std::string& witness,
                  Evidence evidence = Evidence::kSilent) {
  Statement statement = Alive(incarnation);
  statement.state = MemberState::kSuspect;
  statement.witnesses = {{NodeId(witness), evidence}};
  return statement;
}

/// A table with enough others in it that two witnesses are needed.
struct Table {
  Config config;
  Membership members{config, {.name = kSelf, .address = {}, .boot = 1}};
  std::vector<Event> events;
  Time now = Time(seconds(100));

  Table() {
    for (const char* name : {"a", "b", "c", "d"}) Hear({.name = NodeId(name), .address = {}});
    Hear(Alive(1));
    events.clear();
  }
  Outcome Hear(const Statement& statement) { return members.Apply(statement, now, events); }
  MemberState Judged(Duration later) {
    now += later;
    members.Judge(now, events);
    return members.Find(kPeer)->said.state;
  }
};

TEST_CASE("Membership: one witness makes a suspect, two an unreachable member, time a dead one") {
  Table table;
  CHECK(table.Hear(Suspect(1, "a")) == Outcome::kNews);
  CHECK(table.Judged(minutes(1)) == MemberState::kSuspect);
  CHECK(table.Hear(Alive(2)) == Outcome::kNews);
  CHECK(table.Hear(Suspect(2, "a")) == Outcome::kNews);
  CHECK(table.Hear(Suspect(2, "a")) == Outcome::kKnown);
  CHECK(table.Hear(Suspect(2, "b")) == Outcome::kNews);
  CHECK(table.Judged(Duration(0)) == MemberState::kUnreachable);
  CHECK(table.Judged(table.config.dead_after_max - Duration(1)) == MemberState::kUnreachable);
  CHECK(table.Judged(Duration(1)) == MemberState::kDead);
}

TEST_CASE("Membership: a third witness shortens the time to dead") {
  Table table;
  for (const char* witness : {"a", "b", "c"}) table.Hear(Suspect(1, witness));
  CHECK(table.Judged(table.config.dead_after_min - Duration(1)) == MemberState::kUnreachable);
  CHECK(table.Judged(Duration(1)) == MemberState::kDead);
}

TEST_CASE("Membership: a process whose kernel still answers has longer") {
  Table table;
  for (const char* witness : {"a", "b", "c"}) table.Hear(Suspect(1, witness, Evidence::kFrozen));
  CHECK(table.Judged(table.config.frozen_after - Duration(1)) == MemberState::kUnreachable);
  CHECK(table.Judged(Duration(1)) == MemberState::kDead);
}

TEST_CASE("Membership: time that this node itself slept is no time of silence") {
  Table table;
  for (const char* witness : {"a", "b", "c"}) table.Hear(Suspect(1, witness));
  table.members.Postpone(minutes(1));
  CHECK(table.Judged(minutes(1)) == MemberState::kUnreachable);
}

TEST_CASE("Membership: the same statements in any order lead to the same view") {
  const std::vector<Statement> statements = {Alive(1),        Alive(3),        Suspect(3, "a"),
                                             Suspect(2, "b"), Suspect(3, "c"), Alive(3, kBoot - 1),
                                             Alive(2, 99)};
  Random random(1);
  std::optional<std::uint64_t> view;
  for (int run = 0; run < 200; ++run) {
    std::vector<Statement> shuffled = statements;
    for (std::size_t i = shuffled.size(); i > 1; --i) {
      std::swap(shuffled[i - 1], shuffled[random.Below(i)]);
    }
    Table table;
    for (const Statement& statement : shuffled) table.Hear(statement);
    CHECK(view.value_or(table.members.view()) == table.members.view());
    view = table.members.view();
  }
}

TEST_CASE("Membership: of two lives in one incarnation the earlier is believed") {
  Table table;
  CHECK(table.Hear(Alive(1, kBoot + 1)) == Outcome::kStale);
  CHECK(table.Hear(Alive(1, kBoot - 1)) == Outcome::kNews);
  CHECK(table.events.back().kind == Event::Kind::kRestarted);
}

TEST_CASE("Membership: who is gone and forgotten is not learned of again from those who remember") {
  Table table;
  Statement left = Alive(1);
  left.state = MemberState::kLeft;
  CHECK(table.Hear(left) == Outcome::kNews);
  CHECK(table.Hear(Alive(1)) == Outcome::kStale);
  table.now += table.config.tombstone;
  table.members.Judge(table.now, table.events);
  CHECK(table.members.Find(kPeer) == nullptr);
  CHECK(table.events.back().kind == Event::Kind::kForgotten);
  CHECK(table.Hear(left) == Outcome::kKnown);
  CHECK(table.members.Find(kPeer) == nullptr);
}

TEST_CASE("Membership: items come once each, in whatever order, and only the newest of a key") {
  Table table;
  const auto hear = [&table](std::uint32_t key, std::uint64_t version) {
    return table.members.Apply(Announced{kPeer, kBoot, {key, version, "x"}, kPeer}, table.events);
  };
  CHECK(hear(1, 1) == Outcome::kNews);
  CHECK(hear(1, 4) == Outcome::kNews);
  CHECK(table.members.Find(kPeer)->complete == 1);
  CHECK(hear(2, 2) == Outcome::kNews);
  CHECK(hear(2, 2) == Outcome::kKnown);
  CHECK(hear(1, 3) == Outcome::kNews);  // passed on, but version 4 of it is already here
  CHECK(table.members.Find(kPeer)->complete == 4);
  CHECK(table.events.size() == 3);
  CHECK(table.members.Find(kPeer)->items().at(1).version == 4);
}

TEST_CASE("Membership: a delta closes a gap, and one that begins beyond what is known does not") {
  Table table;
  table.members.Apply(Delta{kPeer, kBoot, 2, 3, {{1, 3, "x"}}}, table.events);
  CHECK(table.members.Find(kPeer)->complete == 0);
  table.members.Apply(Delta{kPeer, kBoot, 0, 3, {{1, 3, "x"}}}, table.events);
  CHECK(table.members.Find(kPeer)->complete == 3);
  CHECK(table.events.size() == 1);
}

}  // namespace
}  // namespace sf::gossip
