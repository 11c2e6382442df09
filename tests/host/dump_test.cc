// SPDX-License-Identifier: Apache-2.0
#include "node/store/dump.h"

#include "tests/host/test_store.h"

namespace {

using namespace sf::store;
using Catch::Matchers::Contains;
using nlohmann::json;
using sf::Code;
using sf::Fail;
using sf::Result;
using sf::test::SharedMariaDb;

using Parts = std::vector<json>;

struct Dumped {
  DumpHead head;
  Parts parts;
};

Dumped DumpOf(
    Database& database, const std::function<void()>& meanwhile = [] {}) {
  Dumped dumped;
  const auto done = Dump(
      database,
      [&](const DumpHead& head) -> Result<void> {
        dumped.head = head;
        meanwhile();
        return {};
      },
      [&](const json& part) -> Result<void> {
        dumped.parts.push_back(part);
        return {};
      });
  INFO((done ? "" : done.error().message));
  REQUIRE(done);
  return dumped;
}

/// All of `parts`, and then the end, or an error.
DumpSource SourceOf(const Parts& parts, bool fails = false) {
  return [&parts, fails, at = std::size_t{0}]() mutable -> Result<std::optional<json>> {
    if (at < parts.size()) return std::optional<json>(parts[at++]);
    if (fails) return Fail(Code::kCorrupt, "it ends in the middle");
    return std::nullopt;
  };
}

/// A database of its own, whose one connection can be told from those of others.
struct Target {
  static DatabaseOptions OneConnection() {
    DatabaseOptions fresh = SharedMariaDb().FreshDatabase();
    fresh.connections = 1;
    return fresh;
  }
  /// With a cluster in it.
  void Begin() {
    REQUIRE(Migrate(database));
    REQUIRE(database.Execute("INSERT INTO cluster VALUES ('id', 'c1')"));
  }
  std::size_t Tables() { return database.Query("SHOW TABLES").value().size(); }

  const DatabaseOptions options = OneConnection();
  Database database{options};
};

/// Values that are easily lost on the way.
void FillOddly(sf::test::TestStore& store) {
  store.MakeBuilt(std::string(64, 'a'));
  for (int i = 0; i < 250; ++i) {  // more than are read at once
    REQUIRE(store.events.Add({.object_type = "node",
                              .object = "n1",
                              .message = fmt::format("{} '\\\"\n\U0001F600", i),
                              .extra = {{"i", i}}}));
    REQUIRE(store.database.Execute(
        "INSERT INTO blob_locations (blob_uuid, node, bytes)"
        " VALUES (?, ?, ?)",
        fmt::format("blob-{}", i % 10), fmt::format("node-{}", i / 10), std::int64_t{1} << 62));
  }
  REQUIRE(store.database.Execute("INSERT INTO image_sources (url_hash, etag) VALUES ('x', ?)",
                                 std::string("\xff\x00'\xfe", 4)));
  REQUIRE(store.database.Execute("UPDATE nodes SET heartbeat = 1790000000.1234567"));
  REQUIRE(store.cluster.GetOrMake("id", "c1"));
}

TEST_CASE("Dump: into an empty database, all comes back to the last digit", "[host]") {
  sf::test::TestStore store;
  FillOddly(store);
  const Dumped before = DumpOf(store.database);
  CHECK(before.head.schema == SchemaVersion());
  CHECK(before.head.cluster_id == "c1");
  CHECK(before.head.taken_at.size() == std::string("2026-03-01T03:12:44Z").size());
  CHECK(before.parts.size() > 500);

  Target target;
  const auto loaded = Load(target.database, before.head.schema, false, SourceOf(before.parts));
  INFO((loaded ? "" : loaded.error().message));
  REQUIRE(loaded);
  const Dumped after = DumpOf(target.database);
  CHECK(after.parts == before.parts);
  CHECK(Migrate(target.database)->from == SchemaVersion());
  // New rows come after the old ones.
  REQUIRE(target.database.Execute(
      "INSERT INTO events (object_type, object, timestamp, type, node, message, extra)"
      " VALUES ('', '', 0, '', '', 'last', '')"));
  const auto last = target.database.Query("SELECT message FROM events ORDER BY id DESC LIMIT 1");
  CHECK(last->at(0).Text(0) == "last");
}

TEST_CASE("Dump: is of one moment, whatever is written meanwhile", "[host]") {
  Target source;
  source.Begin();
  const Dumped before = DumpOf(source.database);
  const Dumped during = DumpOf(source.database, [&] {
    Database other(source.options);
    REQUIRE(other.Execute("UPDATE cluster SET value = 'c2'"));
    REQUIRE(other.Execute("DELETE FROM namespaces"));
  });
  CHECK(during.parts == before.parts);
}

TEST_CASE("Dump: a daemon that starts meanwhile waits to migrate", "[host]") {
  Target source;
  source.Begin();
  std::atomic<bool> migrated = false;
  std::jthread daemon;
  DumpOf(source.database, [&] {
    daemon = std::jthread([&] {
      Database other(source.options);
      migrated = Migrate(other).has_value();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    CHECK_FALSE(migrated);
  });
  daemon.join();
  CHECK(migrated);
}

TEST_CASE("Dump: of no cluster there is none", "[host]") {
  Target target;
  const auto refused = Dump(
      target.database, [](const DumpHead&) -> Result<void> { return {}; },
      [](const json&) -> Result<void> { return {}; });
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kNotFound);
  CHECK(target.Tables() == 0);
}

TEST_CASE("Load: one that fails in the middle leaves nothing", "[host]") {
  sf::test::TestStore store;
  FillOddly(store);
  const Dumped dumped = DumpOf(store.database);
  Target target;
  const auto failed =
      Load(target.database, dumped.head.schema, false, SourceOf(dumped.parts, true));
  REQUIRE_FALSE(failed);
  CHECK(failed.error().message == "it ends in the middle");
  CHECK(target.Tables() == 0);
  Parts odd = dumped.parts;
  odd.front() = {{"table", "cluster"}, {"columns", {"name", "worth"}}};
  odd.resize(1);
  CHECK_THAT(Load(target.database, dumped.head.schema, false, SourceOf(odd)).error().message,
             Contains("no column \"worth\""));
  CHECK(target.Tables() == 0);
  CHECK(Load(target.database, dumped.head.schema, false, SourceOf(dumped.parts)));
}

TEST_CASE("Load: until it is done, no daemon takes the database for an empty one", "[host]") {
  sf::test::TestStore store;
  REQUIRE(store.cluster.GetOrMake("id", "c1"));
  const Dumped dumped = DumpOf(store.database);
  Target target;
  const auto looks = [&]() -> Result<std::optional<json>> {
    Database other(target.options);
    CHECK(other.Query("SELECT * FROM cluster")->empty());
    CHECK(other.Query("SELECT * FROM schema_version")->empty());
    return Fail(Code::kCorrupt, "stop");
  };
  CHECK_FALSE(Load(target.database, dumped.head.schema, false, looks));

  // What is left when the machine loses its power meanwhile.
  REQUIRE(target.database.OnOneConnection<void>(
      [&](Session& session) { return MakeTables(session, SchemaVersion()); }));
  const auto refused = Migrate(target.database);
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Contains("schema version 1") && Contains("exists"));
  // And it can be begun again.
  CHECK(Load(target.database, dumped.head.schema, true, SourceOf(dumped.parts)));
}

TEST_CASE("Load: a database that is in use, lives or has tables is left as it is", "[host]") {
  sf::test::TestStore store;
  REQUIRE(store.cluster.GetOrMake("id", "c1"));
  const Dumped dumped = DumpOf(store.database);
  Target target;
  REQUIRE(Load(target.database, dumped.head.schema, false, SourceOf(dumped.parts)));
  const auto refusal = [&](bool drop) {
    const auto refused = Load(target.database, dumped.head.schema, drop, SourceOf(dumped.parts));
    if (refused) return std::string("no error");
    CHECK(refused.error().code == Code::kConflict);
    CHECK(DumpOf(target.database).parts.size() == dumped.parts.size());
    return refused.error().message;
  };
  // The node's heartbeat is that of the store, a moment ago.
  CHECK_THAT(refusal(true), Contains("heard of within the last 30 s: n1"));
  REQUIRE(target.database.Execute("UPDATE nodes SET heartbeat = heartbeat - 31"));
  CHECK_THAT(refusal(false), Contains("not empty") && Contains("--replace"));
  {
    Database other(target.options);
    REQUIRE(other.Query("SELECT 1"));
    CHECK_THAT(refusal(true), Contains("in use from") && Contains("stop sf-node"));
  }
  REQUIRE(target.database.Execute("UPDATE nodes SET state = 'stopped', heartbeat = 4e9"));
  std::string last;
  for (int i = 0; i < 100 && last != "no error"; ++i) {
    last = refusal(true);  // The server takes its time to see that a client has gone.
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  CHECK(last == "no error");
  CHECK(DumpOf(target.database).parts == dumped.parts);
}

TEST_CASE("Load: an older schema is made as it was, and migrated as always", "[host]") {
  const int older = SchemaVersion() - 1;
  Target source;
  REQUIRE(source.database.OnOneConnection<void>(
      [&](Session& session) { return MakeTables(session, older); }));
  REQUIRE(source.database.Execute("INSERT INTO schema_version VALUES (?, 0)", older));
  REQUIRE(source.database.Execute("INSERT INTO cluster VALUES ('id', 'c1')"));
  const Dumped dumped = DumpOf(source.database);
  CHECK(dumped.head.schema == older);
  Target target;
  REQUIRE(Load(target.database, older, false, SourceOf(dumped.parts)));
  CHECK(DumpOf(target.database).parts == dumped.parts);
  const auto migrated = Migrate(target.database);
  REQUIRE(migrated);
  CHECK(migrated->from == older);
  CHECK(migrated->to == SchemaVersion());
}

// The next statement was once sent by a connection that was not there any more.
TEST_CASE("Session: after the connection was lost, all else fails as well", "[host]") {
  Target target;
  const auto done = target.database.OnOneConnection<void>([](Session& session) -> Result<void> {
    (void)session.ExecuteScript("KILL CONNECTION_ID()");
    CHECK_FALSE(session.Query("SELECT 1"));
    CHECK_FALSE(session.Query("SELECT 2"));
    const auto lost = session.ExecuteScript("SELECT 1");
    CHECK(lost.error().code == Code::kUnavailable);
    return lost;
  });
  CHECK_FALSE(done);
}

}  // namespace
