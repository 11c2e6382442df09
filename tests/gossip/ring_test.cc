// SPDX-License-Identifier: Apache-2.0
#include "gossip/ring.h"

#include <catch2/catch.hpp>
#include <deque>
#include <set>

#include "gossip/random.h"

namespace sf::gossip {
namespace {

std::deque<Member> Members(std::size_t count) {
  std::deque<Member> members;
  for (std::size_t i = 0; i < count; ++i) {
    const std::string name = "n" + std::to_string(i);
    members.push_back({.said = {.name = NodeId(name), .address = {}}, .place = Hash(name)});
  }
  return members;
}

Ring RingOf(const std::deque<Member>& members) {
  Ring ring;
  for (const Member& member : members) ring.Add(member);
  return ring;
}

TEST_CASE("Ring: in every round everyone is probed by exactly one other") {
  for (const std::size_t n : {2, 3, 10, 57}) {
    const std::deque<Member> members = Members(n);
    const Ring ring = RingOf(members);
    for (std::uint64_t round = 0; round < 50; ++round) {
      std::multiset<const Member*> probed;
      for (const Member& prober : members) {
        for (const Member* target : ring.Targets(prober, round)) {
          CHECK(target != &prober);
          probed.insert(target);
        }
      }
      for (const Member& member : members) CHECK(probed.count(&member) == 1);
    }
  }
}

// But for the rounds in which a turn falls to its own target: nobody probes itself.
TEST_CASE("Ring: the living take the turns of the unreachable, so hardly a probe goes missing") {
  std::deque<Member> members = Members(10);
  for (const std::size_t i : {1, 2, 5, 8}) members[i].said.state = MemberState::kUnreachable;
  const Ring ring = RingOf(members);
  std::multiset<const Member*> probed;
  for (std::uint64_t round = 0; round < 90; ++round) {
    for (const Member& prober : members) {
      if (prober.said.state != MemberState::kAlive) continue;
      for (const Member* target : ring.Targets(prober, round)) probed.insert(target);
    }
  }
  for (const Member& member : members) {
    CHECK(probed.count(&member) <= 90);
    CHECK(probed.count(&member) > 60);
  }
}

TEST_CASE("Ring: everyone but oneself is either before or after another member") {
  for (const std::size_t n : {1, 2, 5, 40}) {
    const std::deque<Member> members = Members(n);
    const Ring ring = RingOf(members);
    for (const Member& a : members) {
      CHECK(ring.Between(a.place, a.place).size == 0);
      for (const Member& b : members) {
        if (&a == &b) continue;
        const Ring::Arc there = ring.Between(a.place, b.place);
        const Ring::Arc back = ring.Between(b.place, a.place);
        CHECK(there.size + back.size == n - 2);
        if (there.size > 0) CHECK(&ring.at(there.first + there.size) == &b);
      }
    }
  }
}

TEST_CASE("Ring: an arc may end at a member that is not known here") {
  const std::deque<Member> members = Members(10);
  const Ring ring = RingOf(members);
  const Ring::Arc all = ring.All(members[3].place);
  CHECK(all.size == 10);
  CHECK(&ring.at(all.first) == &members[3]);
  const Member& next = ring.at(all.first + 2);
  CHECK(ring.Between(members[3].place, next.place - 1).size == 1);
  CHECK(ring.Between(members[3].place, next.place + 1).size == 2);
}

TEST_CASE("Ring: a suspicion is double-checked by live members that have not testified") {
  std::deque<Member> members = Members(6);
  const Ring all = RingOf(members);
  Member& accused = members[0];
  const auto next = all.Confirmers(accused, 3);
  REQUIRE(next.size() == 3);
  accused.said.witnesses = {{next[0]->said.name, {}}};
  const auto others = all.Confirmers(accused, 3);
  CHECK(others.size() == 3);
  CHECK(std::set<const Member*>(others.begin(), others.end()).count(next[0]) == 0);
}

}  // namespace
}  // namespace sf::gossip
