// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/mesh_peers.h"

#include <catch2/catch.hpp>

namespace {

using namespace sf;
using gossip::MemberState;
using reconcile::ChoosePeers;

IpAddress Ip(std::uint32_t last) { return {0x0a000000 + last}; }

MemberView Member(const char* name, std::uint32_t last, MemberState state) {
  MemberView member;
  member.name = NodeId(name);
  member.address = {Ip(last).value, 13002};
  member.state = state;
  return member;
}

NodeRecord Row(const char* name, std::uint32_t last, double silent_for) {
  NodeRecord row;
  row.name = NodeId(name);
  row.ip = ToString(Ip(last));
  row.silent_for = silent_for;
  return row;
}

ClusterView View(std::vector<MemberView> others) {
  ClusterView view;
  view.members = std::move(others);
  MemberView self = Member("self", 1, MemberState::kAlive);
  self.self = true;
  view.members.push_back(self);  // "self" is behind "a" to "e".
  return view;
}

}  // namespace

TEST_CASE("ChoosePeers: all but this node; doubt is no reason", "[mesh]") {
  const auto view =
      View({Member("a", 2, MemberState::kAlive), Member("b", 3, MemberState::kSuspect),
            Member("c", 4, MemberState::kUnreachable)});
  const std::vector<NodeRecord> rows = {Row("self", 1, 0)};
  CHECK(ChoosePeers(view, &rows, {}) == std::set{Ip(2), Ip(3), Ip(4)});
  CHECK(ChoosePeers(view, nullptr, {Ip(1)}) == std::set{Ip(2), Ip(3), Ip(4)});
}

TEST_CASE("ChoosePeers: who was stopped stays while it has instances, as they run on", "[mesh]") {
  const auto left = View({Member("a", 2, MemberState::kLeft)});
  for (const ClusterView& view : {left, View({}), View({Member("a", 2, MemberState::kDead)})}) {
    std::vector<NodeRecord> rows = {Row("a", 2, 1000)};
    rows[0].state = "stopped";
    CHECK(ChoosePeers(view, &rows, {Ip(2)}).empty());
    rows[0].used.cpus = 1;
    CHECK(ChoosePeers(view, &rows, {}) == std::set{Ip(2)});
  }
  // Its goodbye is heard before its row says that it has stopped.
  std::vector<NodeRecord> rows = {Row("a", 2, 0)};
  CHECK(ChoosePeers(left, &rows, {Ip(2)}).empty());
  rows[0].used.cpus = 1;
  CHECK(ChoosePeers(left, &rows, {}) == std::set{Ip(2)});
  // Deleted, or not to be asked about.
  CHECK(ChoosePeers(left, &(rows = {}), {Ip(2)}).empty());
  CHECK(ChoosePeers(left, nullptr, {}) == std::set{Ip(2)});
}

TEST_CASE("ChoosePeers: dead is who is silent in gossip and in the database", "[mesh]") {
  const auto view = View({Member("a", 2, MemberState::kDead)});
  const std::vector<NodeRecord> beating = {Row("a", 2, 29)};
  const std::vector<NodeRecord> silent = {Row("a", 2, 31)};
  const std::vector<NodeRecord> deleted;
  CHECK(ChoosePeers(view, &beating, {}) == std::set{Ip(2)});
  CHECK(ChoosePeers(view, &silent, {Ip(2)}).empty());
  CHECK(ChoosePeers(view, &deleted, {Ip(2)}).empty());
  CHECK(ChoosePeers(view, nullptr, {Ip(2)}).empty());
}

TEST_CASE("ChoosePeers: who has just started knows its peers by their rows", "[mesh]") {
  std::vector<NodeRecord> rows = {Row("a", 2, 5), Row("b", 3, 31), Row("self", 1, 0)};
  rows.push_back(Row("c", 4, 0));
  rows.back().state = "stopped";
  rows.push_back(Row("e", 6, 0));
  rows.back().ip = "nonsense";
  CHECK(ChoosePeers(View({}), &rows, {Ip(3), Ip(4)}) == std::set{Ip(2)});
}

TEST_CASE("ChoosePeers: without the database, who is unknown and present stays", "[mesh]") {
  const auto view = View({Member("a", 2, MemberState::kAlive), Member("b", 3, MemberState::kDead)});
  CHECK(ChoosePeers(view, nullptr, {Ip(1), Ip(3), Ip(7)}) == std::set{Ip(2), Ip(7)});
}

TEST_CASE("ChoosePeers: the address is the one that a node says its meshes have", "[mesh]") {
  auto member = Member("a", 2, MemberState::kAlive);
  member.advert.emplace().identity.mesh_ip = Ip(99).value;
  CHECK(ChoosePeers(View({member}), nullptr, {}) == std::set{Ip(99)});
}

TEST_CASE("ChoosePeers: a node that came back under another name has one entry", "[mesh]") {
  const auto view = View({Member("a", 2, MemberState::kLeft), Member("b", 2, MemberState::kAlive)});
  CHECK(ChoosePeers(view, nullptr, {Ip(2)}) == std::set{Ip(2)});
}
