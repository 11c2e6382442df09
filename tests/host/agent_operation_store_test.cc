// SPDX-License-Identifier: Apache-2.0
#include "node/store/agent_operation_store.h"

#include <catch2/catch.hpp>

#include "tests/host/test_store.h"

namespace {

using namespace sf;
using namespace sf::test;
using nlohmann::json;
using State = AgentOperationState;

const json kList = json::array({ExecuteCommand("ls")});

InstanceId MakeReady(TestStore& store) {
  const InstanceId id = store.MakeBuilt();
  REQUIRE(store.instances.RecordAgent(id, {"ready", 1'700'000'000.5, 1200.25}));
  return id;
}

State StateOf(TestStore& store, const AgentOperation& operation) {
  return store.agent_operations.Find(operation.uuid).value().state;
}

TEST_CASE("InstanceStore: what an agent says is kept, and written once", "[host]") {
  TestStore store;
  const InstanceId id = store.MakeBuilt();
  CHECK(store.Get(id).agent == AgentFacts{});
  REQUIRE(store.instances.RecordAgent(id, {"ready", 1'700'000'000.5, 1200.25}));
  CHECK(store.Get(id).agent == AgentFacts{"ready", 1'700'000'000.5, 1200.25});
  const auto version = store.Get(id).version;
  REQUIRE(store.instances.RecordAgent(id, {"ready", 1'700'000'000.5, 1200.25}));
  CHECK(store.Get(id).version == version);
}

TEST_CASE("AgentOperationStore: an operation is asked for, done and kept", "[host]") {
  TestStore store;
  auto& operations = store.agent_operations;
  const InstanceId id = store.MakeBuilt();
  CHECK(operations.Create(id, kList).error().code == Code::kInvalid);
  REQUIRE(store.instances.RecordAgent(id, {"ready (degraded)", 0, 0}));
  const AgentOperation first = operations.Create(id, kList).value();
  const AgentOperation second = operations.Create(id, kList).value();
  CHECK(first.state == State::kQueued);
  CHECK(first.name_space == store.web);
  CHECK(first.commands == kList);
  const auto next = [&] { return operations.NextOn(store.n1).value(); };
  REQUIRE(next().size() == 1);
  CHECK(next()[0].uuid == first.uuid);
  CHECK(operations.NextOn(NodeId("n2"))->empty());

  CHECK(operations.Claim(first.uuid).error().code == Code::kConflict);
  REQUIRE(operations.BeginPreflight(first.uuid));
  REQUIRE(operations.BeginPreflight(first.uuid));
  CHECK(StateOf(store, first) == State::kPreflight);
  REQUIRE(operations.Claim(first.uuid));
  CHECK(operations.Claim(first.uuid).error().code == Code::kConflict);
  CHECK(operations.BeginPreflight(first.uuid).error().code == Code::kConflict);
  const json results = {{"0", {{"stdout", "x"}}}};
  REQUIRE(operations.Complete(first, results, {}, 0.5));
  CHECK(operations.Complete(first, results, {}, 0.5).error().code == Code::kConflict);
  CHECK(operations.Find(first.uuid)->results == results);
  REQUIRE(operations.Fail(first, "too late"));
  CHECK(StateOf(store, first) == State::kComplete);

  REQUIRE(next().size() == 1);
  CHECK(next()[0].uuid == second.uuid);
  REQUIRE(operations.Fail(second, "because"));
  CHECK(next().empty());
  CHECK(operations.Find(second.uuid)->error_message == "because");
  CHECK(operations.List(id, /*all=*/false)->empty());
  CHECK(operations.List(id, /*all=*/true)->size() == 2);
  REQUIRE(operations.Delete(second.uuid));
  REQUIRE(operations.Delete(second.uuid));
  CHECK(StateOf(store, second) == State::kDeleted);
  CHECK(operations.List(id, /*all=*/true)->size() == 1);
  std::vector<std::string> told;
  const auto events = store.events.List("instance", id.value, "", 100).value();
  for (const Event& event : events) {
    if (event.extra.contains("agentoperation")) told.push_back(event.message);
  }
  CHECK(told == std::vector<std::string>{"agent operation failed: because",
                                         "agent operation complete", "agent operation requested",
                                         "agent operation requested"});
}

TEST_CASE("AgentOperationStore: of many nodes that claim one, one has it", "[host]") {
  TestStore store;
  const auto made = store.agent_operations.Create(MakeReady(store), kList).value();
  REQUIRE(store.agent_operations.BeginPreflight(made.uuid));
  CHECK(Succeeded(Race(8, [&](int) { return store.agent_operations.Claim(made.uuid); })) == 1);
}

TEST_CASE("AgentOperationStore: an instance has so many waiting and no more", "[host]") {
  TestStore store;
  const InstanceId id = MakeReady(store);
  for (int i = 0; i < store::AgentOperationStore::kMostUnfinished; ++i) {
    REQUIRE(store.agent_operations.Create(id, kList));
  }
  CHECK(store.agent_operations.Create(id, kList).error().code == Code::kNoCapacity);
}

TEST_CASE("AgentOperationStore: of those that have ended so many are kept", "[host]") {
  TestStore store;
  const InstanceId id = MakeReady(store);
  const auto ask = [&] { return store.agent_operations.Create(id, kList).value(); };
  const AgentOperation waiting = ask(), first = ask();
  REQUIRE(store.agent_operations.Fail(first, "because"));
  for (int i = 0; i < 200; ++i) REQUIRE(store.agent_operations.Fail(ask(), "because"));
  CHECK(store.agent_operations.Find(first.uuid).error().code == Code::kNotFound);
  CHECK(store.agent_operations.Find(waiting.uuid));
  CHECK(store.agent_operations.List(id, /*all=*/true)->size() <= 202);
}

TEST_CASE("AgentOperationStore: with its instance all that it was asked ends", "[host]") {
  TestStore store;
  const InstanceId id = MakeReady(store);
  const auto made = store.agent_operations.Create(id, kList).value();
  REQUIRE(store.agent_operations.BeginPreflight(made.uuid));
  REQUIRE(store.agent_operations.Claim(made.uuid));
  REQUIRE(store.instances.RequestDelete(id));
  CHECK(StateOf(store, made) == State::kError);
  CHECK(store.agent_operations.Create(id, kList).error().code == Code::kInvalid);
  CHECK(store.agent_operations.Complete(made, {}, {}, 0).error().code == Code::kConflict);
}

TEST_CASE("AgentOperationStore: its blobs are there for its namespace, as long as it is",
          "[host]") {
  TestStore store;
  auto& operations = store.agent_operations;
  const Blob put = store.blobs.Store(store.n1, BlobOf('a')).value();
  const Blob result = store.blobs.Store(store.n1, BlobOf('b')).value();
  const InstanceId id = MakeReady(store);
  const auto visible = [&](const char* to) {
    return store.blobs.List({.of = {NamespaceId(to)}, .or_shared = true})->size();
  };
  const json commands = json::array({PutBlobCommand(put.uuid, "/x")});
  const auto made = operations.Create(id, commands).value();
  REQUIRE(operations.BeginPreflight(made.uuid));
  REQUIRE(operations.Claim(made.uuid));
  REQUIRE(operations.Complete(made, {}, {result.uuid}, 0));
  CHECK(visible("web") == 2);
  CHECK(visible("other") == 0);
  CHECK(operations.Create(id, json::array({PutBlobCommand(BlobId("none"), "/x")})).error().code ==
        Code::kNotFound);

  store.Age("blobs", "last_used", 7200);
  REQUIRE(store.artifacts.Reap(3600, 100));
  CHECK(visible("web") == 2);
  store.Age("agent_operations", "updated_at", 2 * 86400);
  REQUIRE(operations.Reap(100));
  CHECK(operations.Find(made.uuid).error().code == Code::kNotFound);
  CHECK(visible("web") == 0);
  REQUIRE(store.artifacts.Reap(3600, 100));
  CHECK(store.blobs.StoredDigests()->empty());
}

TEST_CASE("AgentOperationStore: what nobody came to for a day ends", "[host]") {
  TestStore store;
  const auto old = store.agent_operations.Create(MakeReady(store), kList).value();
  store.Age("agent_operations", "created_at", 2 * 86400);
  const auto young = store.agent_operations.Create(MakeReady(store), kList).value();
  REQUIRE(store.agent_operations.Reap(100));
  CHECK(StateOf(store, old) == State::kError);
  CHECK(StateOf(store, young) == State::kQueued);
}

}  // namespace
