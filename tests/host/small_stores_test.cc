// SPDX-License-Identifier: Apache-2.0
// EventStore, NodeStore and ClusterStore, a few lines each.
#include <unistd.h>

#include <catch2/catch.hpp>

#include "node/store/cluster_check.h"
#include "node/store/node_rows.h"
#include "tests/host/test_store.h"

namespace {

using namespace sf;
using namespace sf::test;

TEST_CASE("EventStore: newest first, of the type asked for, as many as asked for", "[host]") {
  TestStore store;
  const auto add = [&](const char* type, std::string message, std::optional<double> duration) {
    REQUIRE(store.events.Add({.object_type = "instance",
                              .object = "one",
                              .type = type,
                              .message = std::move(message),
                              .extra = {{"a", "\"'\n\U0001F600"}},
                              .duration_s = duration}));
  };
  add("audit", "first", 0.125);
  add("usage", "second", std::nullopt);
  add("audit", "third", std::nullopt);
  REQUIRE(store.events.Add({.object_type = "instance", .object = "two", .message = "other"}));
  REQUIRE(store.events.Add({.object_type = "node", .object = "one", .message = "other"}));

  const auto all = store.events.List("instance", "one", "", 99).value();
  REQUIRE(all.size() == 3);
  CHECK(all[0].message == "third");
  CHECK(all[1].type == "usage");
  CHECK(all[2].message == "first");
  CHECK(all[2].duration_s == 0.125);
  CHECK_FALSE(all[1].duration_s);
  CHECK(all[0].extra == nlohmann::json{{"a", "\"'\n\U0001F600"}});
  CHECK(all[0].node == "n1");
  CHECK(std::abs(all[0].timestamp - static_cast<double>(time(nullptr))) < 60);
  CHECK(store.events.List("instance", "one", "audit", 99)->size() == 2);
  CHECK(store.events.List("instance", "one", "audit", 1)->at(0).message == "third");
}

TEST_CASE("EventStore: old ones go, the oldest first", "[host]") {
  TestStore store;
  REQUIRE(store.database.Execute("DELETE FROM events"));  // the node's own, of its start
  const auto add = [&](const char* message) {
    REQUIRE(store.events.Add({.object_type = "node", .object = "n", .message = message}));
  };
  add("oldest");
  store.Age("events", "timestamp", 100);
  add("old");
  store.Age("events", "timestamp", 100);
  add("new");
  CHECK(store.events.Prune(50, 1).value() == 1);
  CHECK(store.events.List("node", "n", "", 9)->back().message == "old");
  CHECK(store.events.Prune(50, 9).value() == 1);
  CHECK(store.events.List("node", "n", "", 9)->size() == 1);
}

TEST_CASE("NodeStore: what instances use is summed up per node", "[host]") {
  TestStore store({8, 4096, 100});
  REQUIRE(store.nodes.Register(
      {NodeId("n2"), "10.0.0.2", "n2", "z", "1", "created", 0, {4, 2048, 50}, {}}));
  store.MakeBuilt();
  const InstanceId failed = store.Make(), deleting = store.Make(), deleted = store.Make();
  REQUIRE(store.instances.Fail(failed, "broken"));
  REQUIRE(store.instances.RequestDelete(deleting));
  REQUIRE(store.instances.RequestDelete(deleted));
  REQUIRE(store.instances.Deleted(deleted));
  const auto nodes = store.nodes.List().value();
  REQUIRE(nodes.size() == 2);
  CHECK(nodes[0].used.cpus == 2);
  CHECK(nodes[0].used.memory_mb == 128);
  CHECK(nodes[0].used.disk_gb == 4);
  CHECK(nodes[1].name == NodeId("n2"));
  CHECK(nodes[1].used.cpus == 0);
  const auto bare = store::SelectNodes(store.database, /*with_use=*/false).value();
  REQUIRE(bare.size() == 2);
  CHECK(bare[0].used.cpus == 0);
  CHECK(bare[0].limit.cpus == 8);
  CHECK(store.nodes.Find(store.n1)->used.cpus == 2);
  CHECK(store.nodes.Find(NodeId("n3")).error().code == Code::kNotFound);
  CHECK(store.nodes.Find(NodeId("")).error().code == Code::kNotFound);
}

TEST_CASE("NodeStore: a heartbeat says when, and what there is room for", "[host]") {
  TestStore store;
  store.Age("nodes", "heartbeat", 100);
  const double before = store.nodes.Find(store.n1)->last_seen;
  REQUIRE(store.nodes.Heartbeat(store.n1, {1, 2, 3}, "ring"));
  const NodeRecord node = store.nodes.Find(store.n1).value();
  CHECK(node.last_seen > before + 99);
  CHECK(node.limit.disk_gb == 3);
  CHECK(node.key_ring == "ring");
  CHECK(node.silent_for < 10);
  REQUIRE(store.nodes.SetState(store.n1, "stopped"));
  CHECK(store.nodes.Find(store.n1)->state == "stopped");
  REQUIRE(store.nodes.Register(node));
  CHECK(store.nodes.Find(store.n1)->state == "created");
  REQUIRE(store.nodes.SetState(store.n1, "deleted"));
  CHECK(store.nodes.List()->empty());
}

TEST_CASE("NodeStore: what is lost is put in error by the holder of the role alone", "[host]") {
  TestStore store;
  const InstanceId running = store.MakeBuilt(), waiting = store.Make(), broken = store.Make();
  REQUIRE(store.instances.Fail(broken, "broken"));
  REQUIRE(store.role.Claim(NodeId("n2"), 0));
  const auto declare = [&](double silence, const char* holder, std::uint64_t term) {
    return store.nodes.DeclareLost(store.n1, silence, NodeId(holder), term);
  };
  CHECK(declare(30, "n2", 1).error().code == Code::kConflict);  // it has been heard of
  store.Age("nodes", "heartbeat", 100);
  CHECK(declare(30, "n2", 0).error().code == Code::kConflict);
  CHECK(declare(30, "n3", 1).error().code == Code::kConflict);
  CHECK(store.State(running) == InstanceState::kCreated);
  CHECK(declare(30, "n2", 1).value() == 2);
  CHECK(declare(30, "n2", 1).value() == 0);
  CHECK(store.Get(running).lost_from == InstanceState::kCreated);
  CHECK(store.Get(running).error_message.starts_with("node n1 lost: it has been silent for 100 s"));
  // Nobody may have their room.
  CHECK(store.nodes.Find(store.n1)->used.cpus == 2);

  REQUIRE(store.nodes.TakeBack(running));
  REQUIRE(store.nodes.TakeBack(waiting));
  CHECK(store.nodes.TakeBack(running).error().code == Code::kConflict);
  CHECK(store.nodes.TakeBack(broken).error().code == Code::kConflict);
  CHECK(store.State(running) == InstanceState::kCreated);
  CHECK(store.State(waiting) == InstanceState::kInitial);
  CHECK(store.Get(running).error_message.empty());
  CHECK(store.Get(broken).error_message == "broken");

  REQUIRE(store.nodes.SetState(store.n1, "stopped"));
  CHECK(declare(30, "n2", 1).error().code == Code::kConflict);
}

TEST_CASE("NodeStore: with a node its instances are deleted, and all that they had is free",
          "[host]") {
  TestStore store;
  const InstanceId running = store.MakeBuilt(), waiting = store.Make(), failed = store.Make();
  REQUIRE(store.instances.Fail(failed, "broken"));
  REQUIRE(store.instances.RequestDelete(waiting));
  REQUIRE(store.nodes.SetMetadata(store.n1, "rack", 1));
  CHECK(store.nodes.Delete(store.n1).error().code == Code::kConflict);
  CHECK(store.State(running) == InstanceState::kCreated);
  const NodeRecord node = store.nodes.Find(store.n1).value();
  store.Age("nodes", "heartbeat", 31);
  REQUIRE(store.nodes.Delete(store.n1));
  for (const InstanceId& id : {running, waiting, failed}) {
    CHECK(store.State(id) == InstanceState::kDeleted);
    CHECK(store.events.List("instance", id.value, "", 1)->at(0).message ==
          "instance deleted with node n1");
  }
  CHECK(store.Count("SELECT COUNT(*) FROM ports") == 0);
  CHECK(store.nodes.Find(store.n1).error().code == Code::kNotFound);
  CHECK(store.nodes.Delete(store.n1).error().code == Code::kNotFound);
  CHECK(store.nodes.Heartbeat(store.n1, {}, "").error().code == Code::kNotFound);
  REQUIRE(store.nodes.Register(node));
  CHECK(store.nodes.Find(store.n1)->metadata.empty());
  // One that has said that it stops needs no waiting.
  REQUIRE(store.nodes.SetState(store.n1, "stopped"));
  CHECK(store.nodes.Delete(store.n1));
}

TEST_CASE("WorkStore: what is built, deleted, fetched and served, and nothing that is done",
          "[host]") {
  TestStore store;
  const auto operations = [&] {
    std::vector<std::string> lines;
    const auto listed = store.work.List().value();
    for (const store::Work& work : listed) {
      CHECK(work.node == store.n1);
      CHECK(work.pid == ::getpid());
      CHECK(work.since > 1'600'000'000);
      lines.push_back(work.object.substr(0, work.object.find('/')) + " " + work.operation);
    }
    return lines;
  };
  using Lines = std::vector<std::string>;
  CHECK(operations().empty());
  const InstanceId id = store.Make();
  const InstanceId twin = store.Make();  // of the same image, which is fetched once
  CHECK(operations() == Lines{"artifact fetch"});
  REQUIRE(store.artifacts.RecordFetched(store.kUrl, BlobOf('a'), ""));
  CHECK(operations().empty());
  REQUIRE(store.instances.Claim(id));
  CHECK(operations() == Lines{"instance build"});
  REQUIRE(store.instances.Built(store.Get(id), {BlobOf('a').sha256}, store.Created(id)));
  CHECK(operations().empty());
  REQUIRE(store.instances.RequestDelete(id));
  CHECK(operations() == Lines{"instance delete"});
  REQUIRE(store.instances.Deleted(id));
  REQUIRE(store.artifacts.Request(store.web, store.kUrl, false, store.n1));
  REQUIRE(store.role.Claim(store.n1, 0));
  CHECK(operations() == Lines{"artifact fetch", "role serve"});
}

TEST_CASE("ClusterStore: those who make a setting at once agree on it", "[host]") {
  TestStore store;
  const auto values =
      Race(8, [&](int i) { return store.cluster.GetOrMake("secret", fmt::format("value {}", i)); });
  REQUIRE(Succeeded(values) == 8);
  for (const auto& value : values) CHECK(*value == *values[0]);
  CHECK(store.cluster.GetOrMake("secret", "later").value() == *values[0]);
  CHECK_FALSE(store.cluster.GetOrMake("long", std::string(300, 'x')));
}

TEST_CASE("ClusterStore: of those who replace a setting at once one does, and the others are told",
          "[host]") {
  TestStore store;
  REQUIRE(store.cluster.GetOrMake("keys", "old"));
  const auto results =
      Race(8, [&](int i) { return store.cluster.Replace("keys", "old", fmt::format("{}", i)); });
  CHECK(Succeeded(results) == 1);
  CHECK(store.cluster.Get("keys").value() != "old");
  CHECK(store.cluster.Get("none").error().code == Code::kNotFound);
}

TEST_CASE("CheckCluster: only the rows of this cluster are to be believed", "[host]") {
  TestStore store;
  const auto refusal = [&] {
    const auto checked = store::CheckCluster(store.cluster, "c1");
    return checked ? std::string() : checked.error().message;
  };
  CHECK(refusal() == "the database is not that of the cluster c1");
  REQUIRE(store.cluster.GetOrMake("id", "c1"));
  CHECK(refusal().empty());
  REQUIRE(store.cluster.Replace("id", "c1", "c2"));
  CHECK(refusal() == "the database is not that of the cluster c1");
  REQUIRE(store.database.Execute("DROP TABLE cluster"));
  CHECK_FALSE(refusal().empty());
}

}  // namespace
