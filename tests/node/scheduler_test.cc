// SPDX-License-Identifier: Apache-2.0
#include "node/scheduler.h"

#include <catch2/catch.hpp>
#include <map>

namespace sf {
namespace {

using Catch::Matchers::Contains;
using nlohmann::json;

constexpr char kUrl[] = "http://images.example/a.qcow2";

NodeRecord Node(const char* name, Capacity used = {}) {
  NodeRecord node;
  node.name = NodeId(name);
  node.limit = {10, 1000, 100};
  node.used = used;
  return node;
}

MemberView Member(const char* name, gossip::MemberState state,
                  std::set<std::uint32_t> images = {}) {
  MemberView member;
  member.name = NodeId(name);
  member.state = state;
  member.advert.emplace().images = std::move(images);
  return member;
}

/// One instance to be placed, and all that it is judged by.
struct Scene {
  Instance wanted = {};
  std::vector<NodeRecord> nodes = {};
  ClusterView cluster = {};
  std::vector<Neighbour> neighbours = {};

  explicit Scene(std::vector<NodeRecord> all, Capacity room = {1, 100, 1}) : nodes(std::move(all)) {
    wanted.uuid = InstanceId("6f4b2a10-9c3d-4e5f-8a7b-100000000000");
    wanted.spec.cpus = room.cpus;
    wanted.spec.memory_mb = room.memory_mb;
    wanted.spec.disks.emplace_back().size_gb = room.disk_gb;
    wanted.disks.emplace_back();
  }
  Result<Placement> Place() const { return sf::Place(wanted, {nodes, cluster, neighbours}); }
  std::vector<std::string> Ranked() const {
    std::vector<std::string> names;
    const Placement placement = Place().value();
    for (const auto& choice : placement.ranked) names.push_back(choice.node.value);
    return names;
  }
  std::string Refusal(Code code) const {
    const auto placement = Place();
    REQUIRE_FALSE(placement);
    CHECK(placement.error().code == code);
    return placement.error().message;
  }
};
using Names = std::vector<std::string>;

}  // namespace

TEST_CASE("Place: first comes the node with most left of what is scarcest there") {
  const Scene scene({Node("a", {0, 500, 0}), Node("b", {6, 0, 0}), Node("c", {4, 0, 45})});
  CHECK(scene.Ranked() == Names{"c", "a", "b"});
  const auto placement = scene.Place();
  CHECK(placement->ranked[0].why == "50 % of its cpus left");
  CHECK(placement->ranked[1].why == "40 % of its memory left");
}

TEST_CASE("Place: the error says of each node what it lacks") {
  Scene scene({Node("cpu", {9, 0, 0}), Node("disk", {0, 0, 99}), Node("gone"), Node("lost"),
               Node("memory", {0, 950, 0}), Node("over", {0, 1200, 0})},
              {2, 100, 8});
  scene.nodes[2].state = "stopped";
  scene.nodes[3].state = "missing";
  scene.cluster.members = {Member("lost", gossip::MemberState::kUnreachable)};
  CHECK(scene.Refusal(Code::kNoCapacity) ==
        "no node has room for 2 cpus, 100 MB of memory and 8 GB of disk: gone is stopped,"
        " lost is unreachable, cpu has 1 cpus free, memory has 50 MB of memory free,"
        " over has 0 MB of memory free, disk has 1 GB of disk free");
  scene.nodes.clear();
  CHECK_THAT(scene.Refusal(Code::kNoCapacity), Catch::EndsWith("GB of disk"));
}

TEST_CASE("Place: room may be used to its end") {
  CHECK(Scene({Node("a", {9, 900, 99})}).Ranked() == Names{"a"});
  CHECK(Scene({Node("a")}, {10, 1000, 100}).Place()->ranked[0].why == "0 % of its cpus left");
}

TEST_CASE("Place: the reasons say what each filter left over, and why each node is where it is") {
  Scene scene({Node("a"), Node("b", {10, 0, 0}), Node("c")});
  scene.nodes[2].state = "missing";
  const json reasons = scene.Place()->reasons;
  CHECK(reasons["filters"] ==
        json::array({{{"filter", "state"}, {"left_over", 2}, {"nodes", {"a", "b"}}},
                     {{"filter", "drained"}, {"left_over", 2}, {"nodes", {"a", "b"}}},
                     {{"filter", "cpus"}, {"left_over", 1}, {"nodes", {"a"}}},
                     {{"filter", "memory"}, {"left_over", 1}, {"nodes", {"a"}}},
                     {{"filter", "disk"}, {"left_over", 1}, {"nodes", {"a"}}}}));
  CHECK(reasons["left_out"] ==
        json::array({{{"node", "c"}, {"filter", "state"}, {"why", "is missing"}},
                     {{"node", "b"}, {"filter", "cpus"}, {"why", "has 0 cpus free"}}}));
  CHECK(reasons["ranked"] == json::array({{{"node", "a"},
                                           {"why", "90 % of its cpus left"},
                                           {"affinity", 0},
                                           {"images_cached", 0},
                                           {"room_percent", 90}}}));
}

TEST_CASE("Place: of many nodes not all are told of") {
  Scene scene({});
  for (int i = 0; i < 1000; ++i) {
    scene.nodes.push_back(Node(fmt::format("n{}", i).c_str(), {i % 2 == 0 ? 10 : 0, 0, 0}));
  }
  const auto placement = scene.Place();
  CHECK(placement->ranked.size() == 500);
  CHECK(placement->reasons["filters"][2]["left_over"] == 500);
  CHECK(placement->reasons.dump().size() < 64'000);
  scene.wanted.spec.cpus = 11;
  CHECK_THAT(scene.Refusal(Code::kNoCapacity), Catch::EndsWith("n9 has 10 cpus free and 990 more"));
}

TEST_CASE("Place: a cached image counts as much as a tenth of the room, and no more") {
  const auto mark = gossip::ImageMark(kUrl);
  Scene scene({Node("a"), Node("b", {0, 90, 0}), Node("c")});
  scene.wanted.disks[0].url = kUrl;
  scene.cluster.members = {Member("a", gossip::MemberState::kAlive, {mark + 1}),
                           Member("b", gossip::MemberState::kAlive, {mark})};
  CHECK(scene.Ranked().front() == "b");
  CHECK(scene.Place()->ranked[0].why == "81 % of its memory left, 1 of 1 images cached there");
  scene.nodes[1].used.memory_mb = 110;
  CHECK(scene.Ranked().back() == "b");

  // Half of the images are worth half of it.
  scene.wanted.disks.emplace_back().url = "http://images.example/b.qcow2";
  scene.nodes[1].used.memory_mb = 40;
  CHECK(scene.Ranked().front() == "b");
  scene.nodes[1].used.memory_mb = 60;
  CHECK(scene.Ranked().back() == "b");
}

TEST_CASE("Place: weights of tags go before all else, each instance with the tag counting") {
  Scene scene({Node("a"), Node("b", {8, 0, 0}), Node("c")});
  scene.neighbours = {{NodeId("a"), {"web", "db"}},
                      {NodeId("a"), {"web"}},
                      {NodeId("b"), {"cache", "other"}},
                      {NodeId("elsewhere"), {"cache"}}};
  scene.wanted.metadata["affinity"] = {{"web", -10}, {"cache", 5}, {"db", 1}};
  CHECK(scene.Ranked() == Names{"b", "c", "a"});
  const auto placement = scene.Place();
  CHECK(placement->ranked[0].why == "10 % of its cpus left, affinity 5");
  CHECK(placement->reasons["ranked"][2]["affinity"] == -19);

  // It is a wish: where there is no choice it decides nothing.
  scene.nodes = {Node("a")};
  CHECK(scene.Ranked() == Names{"a"});
}

TEST_CASE("Place: a node that somebody found silent comes last, but does come") {
  Scene scene({Node("a"), Node("b", {8, 0, 0})});
  scene.cluster.members = {Member("a", gossip::MemberState::kSuspect)};
  CHECK(scene.Ranked() == Names{"b", "a"});
}

TEST_CASE("Place: a node that is drained takes nothing, also from an owner who insists on it") {
  Scene scene({Node("a"), Node("b")});
  scene.nodes[1].drained = true;
  CHECK(scene.Ranked() == Names{"a"});
  CHECK(scene.Place()->reasons["left_out"][0]["why"] == "is drained");
  scene.wanted.spec.placed_on = NodeId("b");
  CHECK_THAT(scene.Refusal(Code::kConflict), Contains("node b is drained"));
}

TEST_CASE("Place: equal nodes share what comes, and one instance is always placed alike") {
  Scene scene({Node("n1"), Node("n2"), Node("n3")});
  std::map<std::string, int> chosen;
  for (int i = 0; i < 300; ++i) {
    scene.wanted.uuid = InstanceId(fmt::format("6f4b2a10-9c3d-4e5f-8a7b-{}", 100000000000 + i));
    const Names ranked = scene.Ranked();
    CHECK(ranked == scene.Ranked());
    ++chosen[ranked.front()];
  }
  for (const auto& [name, times] : chosen) {
    INFO(name);
    CHECK((times > 70 && times < 130));
  }
}

TEST_CASE("Place: an owner who insists on a node gets it, or 404, or 507 of it alone") {
  Scene scene({Node("a"), Node("b", {9, 0, 0})});
  scene.wanted.spec.placed_on = NodeId("b");
  CHECK(scene.Ranked() == Names{"b"});
  scene.wanted.spec.cpus = 2;
  CHECK_THAT(scene.Refusal(Code::kNoCapacity), Catch::EndsWith(": b has 1 cpus free"));
  scene.nodes[1].state = "missing";
  CHECK_THAT(scene.Refusal(Code::kNotFound), Contains("node b not found") && Contains("missing"));
  scene.wanted.spec.placed_on = NodeId("nobody");
  CHECK(scene.Refusal(Code::kNotFound) == "node nobody not found");
}

}  // namespace sf
