// SPDX-License-Identifier: Apache-2.0
#include "node/store/instance_store.h"

#include <catch2/catch.hpp>
#include <set>

#include "node/base/request_scope.h"
#include "tests/host/test_store.h"

namespace {

using namespace sf;
using namespace sf::test;
using Catch::Matchers::Contains;
using enum InstanceState;

std::vector<InstanceId> Ids(const Result<std::vector<Instance>>& listed) {
  std::vector<InstanceId> ids;
  for (const Instance& instance : listed.value()) ids.push_back(instance.uuid);
  return ids;
}

template <class T>
Code CodeOf(const Result<T>& result) {
  REQUIRE_FALSE(result);
  return result.error().code;
}

/// Brings a new instance into `state` by the calls that a node makes.
InstanceId MakeIn(TestStore& store, InstanceState state) {
  const InstanceId id = store.Make();
  if (state == kCreating || state == kCreated) REQUIRE(store.instances.Claim(id));
  if (state == kCreated) REQUIRE(store.instances.Built(store.Get(id), {}, store.Created(id)));
  if (state == kError) REQUIRE(store.instances.Fail(id, "broken"));
  if (state == kDeleteWait || state == kDeleted) REQUIRE(store.instances.RequestDelete(id));
  if (state == kDeleted) REQUIRE(store.instances.Deleted(id));
  REQUIRE(store.State(id) == state);
  return id;
}

TEST_CASE("InstanceStore: what was asked for comes back whole", "[host]") {
  TestStore store;
  Instance wanted = store.Wanted();
  wanted.spec.ssh_key = "ssh-ed25519 'quoted' \"key\"";
  wanted.spec.user_data = std::string(60'000, 'A');
  wanted.spec.side_channels = {"one", "two"};
  wanted.metadata = {{"{{template}}", "<xml>\n\U0001F600"}, {"null", std::string("a\0b", 3)}};
  const auto made = store.instances.Create(
      wanted, {.ranked = {{store.n1, "most room"}}, .reasons = {{"left_out", {"n2"}}}});
  REQUIRE(made);
  const Instance read = store.Get(wanted.uuid);
  CHECK(ToJson(read.spec) == ToJson(wanted.spec));
  CHECK(read.spec.name == "box");
  CHECK(read.spec.name_space == store.web);
  CHECK(read.metadata == wanted.metadata);
  CHECK(read.state == kInitial);
  CHECK(read.version == made->version);
  CHECK(read.console_port == made->console_port);
  CHECK(read.vdi_port == made->vdi_port);
  REQUIRE(read.disks.size() == 1);
  CHECK(read.disks[0].device == "vda");
  CHECK(read.disks[0].size_gb == 2);
  CHECK(read.disks[0].url == TestStore::kUrl);
  CHECK(read.disks[0].artifact == made->disks[0].artifact);
  const Event placed = store.events.List("instance", wanted.uuid.value, "", 9).value().at(0);
  CHECK(placed.message == "instance placed on n1: most room");
  CHECK(placed.extra == nlohmann::json{{"node", "n1"},
                                       {"left_out", {"n2"}},
                                       {"passed_over", nlohmann::json::array()}});
}

TEST_CASE("InstanceStore: it is known which request asked for an instance, and then for its end",
          "[host]") {
  TestStore store;
  const auto with_request = [&](const char* request, auto call) {
    const RequestScope scope(request);
    return call();
  };
  const InstanceId id = with_request("make-1", [&] { return store.Make(); });
  CHECK(store.instances.RequestOf(id).value() == "make-1");
  REQUIRE(with_request("delete-1", [&] { return store.instances.RequestDelete(id); }));
  REQUIRE(with_request("delete-2", [&] { return store.instances.RequestDelete(id); }));
  CHECK(store.instances.RequestOf(id).value() == "delete-1");
  const auto events = store.events.List("instance", id.value, "", 9).value();
  REQUIRE(events.size() == 2);
  CHECK(events[0].extra == nlohmann::json{{"request_id", "delete-1"}});
  CHECK(events[1].extra["request_id"] == "make-1");
  CHECK(store.instances.RequestOf(InstanceId("nobody")).value().empty());
}

TEST_CASE("InstanceStore: sixteen that race for room for five get five", "[host]") {
  const auto [room, noun] =
      GENERATE(table<Capacity, const char*>({{{5, 10'000, 10'000}, "cpus"},
                                             {{99, 5 * 64 + 63, 99}, "MB of memory"},
                                             {{99, 10'000, 5 * 2 + 1}, "GB of disk"}}));
  TestStore store(room);
  const auto results = Race(16, [&](int) { return store.Record(store.Wanted()); });
  CHECK(Succeeded(results) == 5);
  for (const auto& result : results) {
    if (result) continue;
    CHECK(result.error().code == Code::kNoCapacity);
    CHECK_THAT(result.error().message, Contains("node n1 has no room") && Contains(noun));
  }
  CHECK(store.Count("SELECT COUNT(*) FROM instances") == 5);
  CHECK(store.Count("SELECT COUNT(*) FROM instance_disks") == 5);
  CHECK(store.Count("SELECT COUNT(*) FROM ports") == 10);
}

TEST_CASE("InstanceStore: room comes back with deletion and failure", "[host]") {
  TestStore store({1, 10'000, 10'000});
  const InstanceId first = store.Make();
  REQUIRE(store.instances.RequestDelete(first));
  CHECK(CodeOf(store.Record(store.Wanted())) == Code::kNoCapacity);
  REQUIRE(store.instances.Deleted(first));
  const InstanceId second = store.Make();
  REQUIRE(store.instances.Fail(second, "broken"));
  CHECK(store.Record(store.Wanted()));
}

TEST_CASE("InstanceStore: ports are unique on a node, to the last one", "[host]") {
  TestStore store({99, 9999, 9999}, {.first = 31000, .last = 31015});
  const auto results = Race(9, [&](int) { return store.Record(store.Wanted()); });
  CHECK(Succeeded(results) == 8);
  std::set<int> ports;
  for (const auto& result : results) {
    if (result) {
      ports.insert({result->console_port, result->vdi_port});
    } else {
      CHECK(result.error().code == Code::kNoCapacity);
      CHECK_THAT(result.error().message, Contains("31000") && Contains("31015"));
    }
  }
  CHECK(ports.size() == 16);
  CHECK(*ports.begin() == 31000);
  CHECK(*ports.rbegin() == 31015);
}

TEST_CASE("InstanceStore: nothing is written for a namespace or node that is gone", "[host]") {
  TestStore store;
  Instance homeless = store.Wanted();
  homeless.spec.name_space = NamespaceId("nowhere");
  CHECK(CodeOf(store.Record(homeless)) == Code::kNotFound);
  Instance lost = store.Wanted();
  lost.node = NodeId("n2");
  CHECK(CodeOf(store.Record(lost)) == Code::kNoCapacity);
  REQUIRE(store.nodes.SetState(store.n1, "stopping"));
  CHECK(CodeOf(store.Record(store.Wanted())) == Code::kNoCapacity);
  REQUIRE(store.namespaces.Delete(store.web));
  CHECK(CodeOf(store.Record(store.Wanted())) == Code::kNotFound);
  for (const char* table : {"instances", "instance_disks", "ports", "artifacts"}) {
    CHECK(store.Count(fmt::format("SELECT COUNT(*) FROM {}", table)) == 0);
  }
  CHECK(store.Count("SELECT COUNT(*) FROM events WHERE object_type = 'instance'") == 0);
}

TEST_CASE("InstanceStore: a UUID is used once", "[host]") {
  TestStore store;
  const Instance wanted = store.Wanted();
  const auto results = Race(4, [&](int) { return store.Record(wanted); });
  CHECK(Succeeded(results) == 1);
  for (const auto& result : results) {
    if (!result) CHECK(result.error().code == Code::kConflict);
  }
  CHECK(store.Count("SELECT COUNT(*) FROM ports") == 2);
}

TEST_CASE("InstanceStore: instances that race on one URL share one artifact", "[host]") {
  TestStore store;
  const auto results = Race(8, [&](int) { return store.Record(store.Wanted()); });
  REQUIRE(Succeeded(results) == 8);
  for (const auto& made : results) CHECK(made->disks[0].artifact == results[0]->disks[0].artifact);
  CHECK(store.Count("SELECT COUNT(*) FROM artifacts") == 1);
}

TEST_CASE("InstanceStore: states move only along their arrows", "[host]") {
  TestStore store;
  struct Move {
    const char* name;
    InstanceState to;
    std::function<Result<void>(const InstanceId&)> make;
    std::set<InstanceState> repeatable = {};
  };
  const Move moves[] = {
      {"Claim", kCreating, [&](const auto& id) { return store.instances.Claim(id); }, {kCreating}},
      {"Built", kCreated,
       [&](const auto& id) {
         return store.instances.Built(store.Get(id), {}, TestStore::Created(id));
       }},
      {"Fail", kError, [&](const auto& id) { return store.instances.Fail(id, "broken"); }},
      {"RequestDelete",
       kDeleteWait,
       [&](const auto& id) { return store.instances.RequestDelete(id); },
       {kDeleteWait}},
      {"Deleted", kDeleted, [&](const auto& id) { return store.instances.Deleted(id); }}};
  for (const InstanceState from : {kInitial, kCreating, kCreated, kError, kDeleteWait, kDeleted}) {
    for (const Move& move : moves) {
      INFO(ToString(from) << ": " << move.name);
      const InstanceId id = MakeIn(store, from);
      const Instance before = store.Get(id);
      const auto done = move.make(id);
      const Instance after = store.Get(id);
      if (CanMove(from, move.to)) {
        CHECK(done);
        CHECK(after.state == move.to);
        CHECK(after.version == before.version + 1);
        continue;
      }
      CHECK(after.state == from);
      if (move.repeatable.contains(from) || move.to == kError) {
        CHECK(done);  // A failure that comes too late is nobody's concern.
      } else {
        CHECK(CodeOf(done) == (move.to == kDeleteWait ? Code::kNotFound : Code::kConflict));
      }
    }
  }
}

TEST_CASE("InstanceStore: of racing deletions one is the deletion, and the ports are free",
          "[host]") {
  TestStore store;
  const InstanceId id = store.MakeBuilt();
  CHECK(Succeeded(Race(4, [&](int) { return store.instances.RequestDelete(id); })) == 4);
  CHECK(Succeeded(Race(4, [&](int) { return store.instances.Deleted(id); })) == 1);
  CHECK(store.Count("SELECT COUNT(*) FROM ports") == 0);
  CHECK(store.Get(id).power_state == "off");
  const auto events = store.events.List("instance", id.value, "", 99).value();
  const auto said = [&](const char* text) {
    return std::count_if(events.begin(), events.end(),
                         [&](const Event& event) { return event.message == text; });
  };
  CHECK(said("instance deletion requested") == 1);
  CHECK(said("instance deleted") == 1);
}

TEST_CASE("InstanceStore: ports are replaced while it lives, and not after", "[host]") {
  TestStore store;
  const InstanceId id = store.Make();
  const Instance before = store.Get(id);
  REQUIRE(store.instances.ReplacePorts(id));
  const Instance after = store.Get(id);
  CHECK(after.console_port != 0);
  CHECK(after.console_port != before.console_port);
  CHECK(after.vdi_port != after.console_port);
  CHECK(store.Count("SELECT COUNT(*) FROM ports") == 2);

  REQUIRE(store.instances.RequestDelete(id));
  REQUIRE(store.instances.Deleted(id));
  CHECK_FALSE(store.instances.ReplacePorts(id));
  CHECK(store.Count("SELECT COUNT(*) FROM ports") == 0);
  CHECK(CodeOf(store.instances.ReplacePorts(InstanceId("none"))) == Code::kNotFound);
}

TEST_CASE("InstanceStore: listings hold what their filter says", "[host]") {
  TestStore store;
  std::vector<InstanceId> all;
  for (const auto state : {kInitial, kCreating, kCreated, kError, kDeleteWait, kDeleted}) {
    all.push_back(MakeIn(store, state));
  }
  const std::vector<InstanceId> live(all.begin(), all.end() - 1);
  CHECK(Ids(store.instances.List({})) == live);
  CHECK(Ids(store.instances.List({.with_deleted = true})) == all);
  CHECK(Ids(store.instances.List({.name = "box"})) == live);
  CHECK(Ids(store.instances.List({.name = "BOX"})).empty());
  CHECK(Ids(store.instances.List({.name_space = store.web})) == live);
  CHECK(Ids(store.instances.List({.name_space = NamespaceId("WEB")})).empty());
  CHECK(Ids(store.instances.List({.node = store.n1})) == live);
  CHECK(Ids(store.instances.List({.node = NodeId("n2")})).empty());
  CHECK(store.State(all.back()) == kDeleted);
  CHECK(CodeOf(store.instances.Find(InstanceId("' OR 1 -- "))) == Code::kNotFound);
}

TEST_CASE("InstanceStore: a failed image fails those that wait for it, here", "[host]") {
  TestStore store;
  const std::string url = "http://images.example/broken";
  REQUIRE(store.nodes.Register(
      {NodeId("n2"), "10.0.0.2", "n2", "z", "1", "created", 0, {9, 999, 99}, {}}));
  Instance elsewhere = store.Wanted(url);
  elsewhere.node = NodeId("n2");
  REQUIRE(store.Record(elsewhere));
  const InstanceId initial = store.Make(url), creating = store.Make(url), built = store.Make(url);
  const InstanceId deleting = store.Make(url), other = store.Make();
  REQUIRE(store.instances.Claim(creating));
  REQUIRE(store.instances.Claim(built));
  REQUIRE(store.instances.Built(store.Get(built), {}, TestStore::Created(built)));
  REQUIRE(store.instances.RequestDelete(deleting));

  REQUIRE(store.instances.FailWaitingFor(store.n1, url, "no such image"));
  CHECK(store.State(initial) == kError);
  CHECK(store.Get(creating).error_message == "no such image");
  CHECK(store.State(built) == kCreated);
  CHECK(store.State(deleting) == kDeleteWait);
  CHECK(store.State(other) == kInitial);
  CHECK(store.State(elsewhere.uuid) == kInitial);
}

TEST_CASE("InstanceStore: power is recorded when it changes, and only then", "[host]") {
  TestStore store;
  const InstanceId id = store.MakeBuilt();
  const auto version = [&] { return store.Get(id).version; };
  const std::int64_t built = version();
  REQUIRE(store.instances.WantPower(id, true));
  REQUIRE(store.instances.RecordPower(id, "on", false));
  CHECK(version() == built);
  REQUIRE(store.instances.RecordPower(id, "paused", false));
  CHECK(version() == built + 1);
  CHECK(store.Get(id).power_wanted);
  REQUIRE(store.instances.RecordPower(id, "off", true));
  CHECK(store.Get(id).power_state == "off");
  CHECK_FALSE(store.Get(id).power_wanted);
  REQUIRE(store.instances.RecordPower(id, "off", true));
  REQUIRE(store.instances.WantPower(id, false));
  CHECK(version() == built + 2);
  REQUIRE(store.instances.WantPower(id, true));
  REQUIRE(store.instances.RecordPower(id, "off", false));
  CHECK(version() == built + 3);
  CHECK(store.Get(id).power_wanted);
  // Not of one that is being deleted: its removal would look like a change by its guest.
  REQUIRE(store.instances.RequestDelete(id));
  REQUIRE(store.instances.RecordPower(id, "crashed", true));
  REQUIRE(store.instances.WantPower(id, false));
  CHECK(version() == built + 4);
}

TEST_CASE("InstanceStore: eight writers of metadata keep all of it", "[host]") {
  TestStore store;
  const InstanceId id = store.Make();
  const auto written =
      Race(8, [&](int i) { return store.instances.SetMetadata(id, fmt::format("key{}", i), i); });
  CHECK(Succeeded(written) == 8);
  CHECK(store.Get(id).metadata.size() == 8);
  REQUIRE(store.instances.SetMetadata(id, "key3", std::nullopt));
  CHECK_FALSE(store.Get(id).metadata.contains("key3"));
  CHECK(CodeOf(store.instances.SetMetadata(id, "big", std::string(1 << 20, 'x'))) ==
        Code::kInvalid);
  CHECK(CodeOf(store.instances.SetMetadata(InstanceId("none"), "a", 1)) == Code::kNotFound);
}

TEST_CASE("InstanceStore: the deleted are forgotten when they are old", "[host]") {
  TestStore store;
  const InstanceId old = MakeIn(store, kDeleted), living = MakeIn(store, kCreated);
  store.Age("instances", "updated_at", 100);
  const InstanceId young = MakeIn(store, kDeleted);
  CHECK(store.instances.Reap(50, 10).value() == 1);
  CHECK(CodeOf(store.instances.Find(old)) == Code::kNotFound);
  CHECK(store.instances.Find(young));
  CHECK(store.instances.Find(living));
  CHECK(store.events.List("instance", old.value, "", 9)->empty());
  CHECK(store.Count("SELECT COUNT(*) FROM instance_disks WHERE instance_uuid = ?", old) == 0);
}

TEST_CASE("InstanceStore: a thousand instances are listed in a moment", "[host]") {
  TestStore store;
  REQUIRE(store.database.Transaction<void>([&](store::Session& session) -> Result<void> {
    const Instance sample = store.Wanted();
    for (int i = 0; i < 1000; ++i) {
      const std::string uuid = MakeUuid();
      TRY(session.Execute(
          "INSERT INTO instances (uuid, name, namespace, node, state, error_message, power_state,"
          " cpus, memory_mb, disk_gb, spec, metadata, created_at, updated_at)"
          " VALUES (?, 'box', 'web', 'n1', 'created', '', 'on', 1, 1, 1, ?, '{}', ?, 0)",
          uuid, ToJson(sample.spec).dump(), i));
      TRY(
          session.Execute("INSERT INTO instance_disks VALUES (?, 0, 'vda', 'virtio', 'disk', 2, ?,"
                          " '', '')",
                          uuid, sample.disks[0].url));
      TRY(session.Execute("INSERT INTO ports VALUES ('n1', ?, ?, 'console'), ('n1', ?, ?, 'vdi')",
                          2 * i, uuid, 2 * i + 1, uuid));
    }
    return {};
  }));
  const auto began = std::chrono::steady_clock::now();
  const auto listed = store.instances.List({.node = store.n1});
  const std::chrono::duration<double, std::milli> time = std::chrono::steady_clock::now() - began;
  REQUIRE(listed);
  REQUIRE(listed->size() == 1000);
  CHECK(listed->at(7).vdi_port == 15);
  CHECK(listed->at(7).disks.size() == 1);
  INFO("1,000 instances listed in " << time.count() << " ms");
  CHECK(time.count() < 500);
}

}  // namespace
