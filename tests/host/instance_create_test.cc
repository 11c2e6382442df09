// SPDX-License-Identifier: Apache-2.0
// What room an instance takes of which node, and what comes of races for it.
#include <catch2/catch.hpp>

#include "tests/host/test_store.h"

namespace {

using namespace sf;
using namespace sf::test;
using Catch::Matchers::Contains;

template <class T>
Code CodeOf(const Result<T>& result) {
  REQUIRE_FALSE(result);
  return result.error().code;
}

TEST_CASE(
    "InstanceStore: in error after it was built it takes no more than its disks, until it goes",
    "[host]") {
  TestStore store({1, 64, 3});
  const InstanceId id = store.MakeBuilt();  // 2 GB of disk
  REQUIRE(store.instances.Fail(id, "could not be started again"));
  const Capacity used = store.nodes.Find(store.n1)->used;
  CHECK((used.cpus == 0 && used.memory_mb == 0 && used.disk_gb == 2));
  const auto refused = store.Record(store.Wanted());
  CHECK(CodeOf(refused) == Code::kNoCapacity);
  CHECK_THAT(refused.error().message, Contains("2 GB of disk: 2 of 3 are taken"));
  REQUIRE(store.instances.RequestDelete(id));
  REQUIRE(store.instances.Deleted(id));
  CHECK(store.Record(store.Wanted()));
}

TEST_CASE("InstanceStore: nodes that are full or gone are passed over, and that is told",
          "[host]") {
  TestStore store({1, 10'000, 10'000});
  store.AddNode("n2", {0, 0, 0});
  store.AddNode("n3", {1, 10'000, 10'000});
  const auto made = store.instances.Create(store.Wanted(), store.Ranked({"n0", "n2", "n3", "n1"}));
  REQUIRE(made);
  CHECK(made->node == NodeId("n3"));
  CHECK(store.Count("SELECT COUNT(*) FROM ports WHERE node = 'n3'") == 2);
  const Event placed = store.events.List("instance", made->uuid.value, "", 9).value().at(0);
  CHECK(placed.message == "instance placed on n3: because");
  CHECK(placed.extra["node"] == "n3");
  REQUIRE(placed.extra["passed_over"].size() == 2);
  CHECK(placed.extra["passed_over"][1]["node"] == "n2");

  const auto refused = store.instances.Create(store.Wanted(), store.Ranked({"n2", "n3"}));
  CHECK(CodeOf(refused) == Code::kNoCapacity);
  CHECK_THAT(refused.error().message, Contains("n2") && Contains("n3 has no room for 1 cpus"));
  REQUIRE(store.nodes.SetDrained(NodeId("n3"), true));
  CHECK_THAT(store.instances.Create(store.Wanted(), store.Ranked({"n3"})).error().message,
             Contains("n3 is drained"));
  CHECK(CodeOf(store.nodes.SetDrained(NodeId("n0"), true)) == Code::kNotFound);
  Instance insisting = store.Wanted();
  insisting.spec.placed_on = NodeId("n0");
  CHECK(CodeOf(store.instances.Create(insisting, store.Ranked({"n0"}))) == Code::kNotFound);
}

TEST_CASE("InstanceStore: fifty that race for three nodes fill each of them, and none too far",
          "[host]") {
  TestStore store({7, 10'000, 10'000});
  store.AddNode("n2", {7, 10'000, 10'000});
  store.AddNode("n3", {6, 10'000, 10'000});
  // Each prefers another one, so that those who are turned away meet those who come first.
  const std::vector<std::string> names = {"n1", "n2", "n3", "n1", "n2"};
  const auto made = Race(50, [&](int i) {
    const auto first = names.begin() + i % 3;
    return store.instances.Create(store.Wanted(), store.Ranked({first, first + 3}));
  });
  CHECK(Succeeded(made) == 20);
  for (const auto& one : made) {
    if (!one) CHECK(one.error().code == Code::kNoCapacity);
  }
  const auto nodes = store.nodes.List();
  for (const NodeRecord& node : *nodes) {
    CHECK(node.used.cpus == node.limit.cpus);
  }
  CHECK(store.Count("SELECT COUNT(*) FROM instances") == 20);
  CHECK(store.Count("SELECT COUNT(*) FROM ports") == 40);
  CHECK(store.Count("SELECT COUNT(*) FROM events WHERE object_type = 'instance'") == 20);
}

TEST_CASE("InstanceStore: the tagged instances of a namespace are those that are or are to be",
          "[host]") {
  TestStore store;
  Instance tagged = store.Wanted();
  tagged.metadata = {{"tags", {"web", "\"x\""}}};
  REQUIRE(store.Record(tagged));
  store.Make();
  tagged.uuid = InstanceId(MakeUuid());
  REQUIRE(store.Record(tagged));
  REQUIRE(store.instances.RequestDelete(tagged.uuid));
  const auto found = store.instances.Tagged(store.web);
  REQUIRE(found->size() == 1);
  CHECK(found->front().node == store.n1);
  CHECK(found->front().tags == std::vector<std::string>{"web", "\"x\""});
  CHECK(store.instances.Tagged(NamespaceId("other"))->empty());
}

}  // namespace
