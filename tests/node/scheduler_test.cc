// SPDX-License-Identifier: Apache-2.0
#include "node/scheduler.h"

#include <catch2/catch.hpp>

namespace sf {
namespace {

NodeRecord Node(const char* name, Capacity used) {
  NodeRecord node;
  node.name = NodeId(name);
  node.limit = {8, 8000, 100};
  node.used = used;
  return node;
}

InstanceSpec Wanting(std::int64_t cpus, std::int64_t memory_mb, std::int64_t disk_gb) {
  InstanceSpec spec;
  spec.cpus = cpus;
  spec.memory_mb = memory_mb;
  DiskSpec disk;
  disk.size_gb = disk_gb;
  spec.disks = {disk};
  return spec;
}

}  // namespace

TEST_CASE("Place: the node with most memory free comes first, and names settle ties") {
  const std::vector<NodeRecord> nodes{Node("c", {0, 1000, 0}), Node("b", {0, 0, 0}),
                                      Node("a", {0, 1000, 0})};
  const auto placement = Place(Wanting(1, 100, 1), nodes);
  REQUIRE(placement);
  CHECK(placement->ranked == std::vector<NodeId>{NodeId("b"), NodeId("a"), NodeId("c")});
}

TEST_CASE("Place: a node without room for one of cpus, memory and disk is left out, and said so") {
  const std::vector<NodeRecord> nodes{Node("full", {8, 0, 0})};
  const auto placement = Place(Wanting(1, 100, 1), nodes);
  REQUIRE_FALSE(placement);
  CHECK(placement.error().code == Code::kNoCapacity);
  CHECK(placement.error().message == "no node has room for 1 cpus");
  CHECK_FALSE(Place(Wanting(1, 8001, 1), {Node("a", {})}));
  CHECK_FALSE(Place(Wanting(1, 100, 101), {Node("a", {})}));
  CHECK(Place(Wanting(8, 8000, 100), {Node("a", {})}));
}

TEST_CASE("Place: the reason names what each filter left over") {
  std::vector<NodeRecord> nodes{Node("a", {}), Node("b", {8, 0, 0}), Node("gone", {})};
  nodes[2].state = "missing";
  const auto placement = Place(Wanting(1, 100, 1), nodes);
  REQUIRE(placement);
  const auto& filters = placement->reason["filters"];
  CHECK(filters[0] == nlohmann::json({{"filter", "all"}, {"nodes", {"a", "b", "gone"}}}));
  CHECK(filters[1]["nodes"] == nlohmann::json::array({"a", "b"}));
  CHECK(filters[2]["nodes"] == nlohmann::json::array({"a"}));
}

TEST_CASE("Place: an owner who insists on a node gets it or 404") {
  std::vector<NodeRecord> nodes{Node("a", {}), Node("b", {0, 5000, 0})};
  InstanceSpec spec = Wanting(1, 100, 1);
  spec.placed_on = NodeId("b");
  CHECK(Place(spec, nodes)->ranked == std::vector<NodeId>{NodeId("b")});
  nodes[1].state = "missing";
  CHECK(Place(spec, nodes).error().code == Code::kNotFound);
  spec.placed_on = NodeId("nobody");
  CHECK(Place(spec, nodes).error().code == Code::kNotFound);
}

}  // namespace sf
