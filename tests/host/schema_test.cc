// SPDX-License-Identifier: Apache-2.0
#include "node/store/schema.h"

#include <catch2/catch.hpp>

#include "tests/host/test_store.h"

namespace {

using namespace sf::store;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using sf::Code;
using sf::Result;
using sf::test::Race;
using sf::test::SharedMariaDb;
using sf::test::Succeeded;

TEST_CASE("Migrate: from nothing to this version, and then no further", "[host]") {
  Database database(SharedMariaDb().FreshDatabase());
  const auto first = Migrate(database);
  INFO((first ? "" : first.error().message));
  REQUIRE(first);
  CHECK(first->from == 0);
  CHECK(first->to == SchemaVersion());
  const auto second = Migrate(database);
  REQUIRE(second);
  CHECK(second->from == SchemaVersion());
  CHECK(second->to == SchemaVersion());
}

TEST_CASE("Migrate: of four daemons that start together one changes the schema", "[host]") {
  const DatabaseOptions options = SharedMariaDb().FreshDatabase();
  const auto results = Race(4, [&](int) {
    Database own(options);
    return Migrate(own);
  });
  CHECK(Succeeded(results) == 4);
  CHECK(std::count_if(results.begin(), results.end(),
                      [](const auto& done) { return done && done->from == 0; }) == 1);
}

// Its lock was once waited for in one statement of 60 s, which the connection's own limit cut off.
TEST_CASE("Migrate: waits for another daemon for longer than one statement may take", "[host]") {
  DatabaseOptions options = SharedMariaDb().FreshDatabase();
  Database other(options);
  options.statement_timeout = 2s;
  options.patience = 2s;
  Database database(options);
  Result<Migration> migrated;
  std::latch held(2);
  std::jthread waiting([&] {
    held.arrive_and_wait();
    migrated = Migrate(database);
  });
  const auto holding = other.OnOneConnection<void>([&](Session& session) -> Result<void> {
    TRY(session.Query("SELECT GET_LOCK(CONCAT('sf-migrate-', SHA1(DATABASE())), 0)"));
    held.arrive_and_wait();
    TRY(session.Query("SELECT SLEEP(3.5)"));
    TRY(session.Query("SELECT RELEASE_LOCK(CONCAT('sf-migrate-', SHA1(DATABASE())))"));
    return {};
  });
  waiting.join();
  CHECK(holding);
  INFO((migrated ? "" : migrated.error().message));
  CHECK(migrated);
}

TEST_CASE("Migrate: a schema one version newer is used, two newer is refused", "[host]") {
  Database database(SharedMariaDb().FreshDatabase());
  REQUIRE(Migrate(database));
  const auto pretend = [&](int version) {
    REQUIRE(database.Execute("INSERT INTO schema_version VALUES (?, 0)", version));
    return Migrate(database);
  };
  const auto newer = pretend(SchemaVersion() + 1);
  REQUIRE(newer);
  CHECK(newer->to == SchemaVersion() + 1);
  const auto too_new = pretend(SchemaVersion() + 2);
  REQUIRE_FALSE(too_new);
  CHECK(too_new.error().code == Code::kConflict);
  CHECK_THAT(too_new.error().message, Contains("upgrade this sf-node"));
}

TEST_CASE("Migrate: a statement that fails is named with its version", "[host]") {
  Database database(SharedMariaDb().FreshDatabase());
  REQUIRE(database.Execute("CREATE TABLE nodes (somebody_elses INT)"));
  for (int attempt = 0; attempt < 2; ++attempt) {  // The lock was given back.
    const auto refused = Migrate(database);
    REQUIRE_FALSE(refused);
    CHECK_THAT(refused.error().message,
               Contains("schema version 1") && Contains("CREATE TABLE") && Contains("exists"));
  }
}

TEST_CASE("Migrate: text is Unicode compared byte by byte, whatever the server's habit", "[host]") {
  Database database(SharedMariaDb().FreshDatabase());
  REQUIRE(database.Execute("ALTER DATABASE CHARACTER SET latin1"));
  REQUIRE(Migrate(database));
  REQUIRE(database.Execute("INSERT INTO cluster VALUES ('a', ?), ('A', 'other')", "\U0001F600"));
  const auto rows = database.Query("SELECT value FROM cluster WHERE name = 'a'").value();
  REQUIRE(rows.size() == 1);
  CHECK(rows[0].Text(0) == "\U0001F600");
}

}  // namespace
