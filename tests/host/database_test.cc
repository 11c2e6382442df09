// SPDX-License-Identifier: Apache-2.0
// Against a MariaDB of these tests' own, which they stop, kill and start again.
#include "node/store/database.h"

#include <catch2/catch.hpp>
#include <future>

#include "tests/host/counters.h"

namespace {

using namespace sf::store;
using namespace sf::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using sf::Code;
using sf::Fail;
using sf::Result;
using Clock = std::chrono::steady_clock;

std::int64_t OwnId(Session& session) {
  return session.Query("SELECT CONNECTION_ID()").value().at(0).Integer(0);
}

/// The server ends connection `id`, and has done so when this returns.
void KillConnection(Database& other, std::int64_t id) {
  const auto gone = [&] {
    return other.Query("SELECT 1 FROM information_schema.processlist WHERE id = ?", id)
        .value()
        .empty();
  };
  (void)other.Execute(fmt::format("KILL {}", id));
  const auto end = Clock::now() + 5s;
  while (!gone() && Clock::now() < end) std::this_thread::sleep_for(1ms);
}

TEST_CASE("Database: what is bound comes back byte by byte, NULL as NULL", "[host]") {
  Database database(Fresh());
  const std::string texts[] = {"",
                               "plain",
                               "it's \"quoted\" `here` \\",
                               "';DROP TABLE t;--",
                               "? ?",
                               "%_",
                               std::string("a\0b", 3),
                               "\U0001F600 \u00e4\u4e16",
                               "line\r\n\ttab",
                               " spaces ",
                               std::string(1 << 20, 'x') + "'\\"};
  REQUIRE(
      database.Execute("CREATE TABLE t (id INT PRIMARY KEY, text LONGTEXT, number BIGINT,"
                       " amount DOUBLE) CHARACTER SET utf8mb4"));
  int id = 0;
  for (const std::string& text : texts) {
    REQUIRE(database.Execute("INSERT INTO t VALUES (?, ?, ?, ?)", ++id, text, INT64_MIN, -0.5));
    const auto rows = database.Query("SELECT text, number, amount FROM t WHERE text = ?", text);
    REQUIRE(rows);
    REQUIRE(rows->size() == 1);
    CHECK(rows->front().Text(0) == text);
    CHECK(rows->front().Integer(1) == INT64_MIN);
    CHECK(rows->front().Real(2) == -0.5);
  }
  REQUIRE(database.Execute("INSERT INTO t VALUES (0, ?, ?, ?)", Parameter(nullptr),
                           Parameter(nullptr), Parameter(nullptr)));
  const auto nulls = database.Query("SELECT text, number, amount, '' FROM t WHERE id = 0").value();
  for (const std::size_t column : {0U, 1U, 2U}) CHECK(nulls[0].IsNull(column));
  CHECK_FALSE(nulls[0].IsNull(3));
  CHECK(nulls[0].Text(0).empty());
  CHECK(nulls[0].Integer(1) == 0);
  CHECK(nulls[0].Real(2) == 0);
}

// Connector/C++ gives a DOUBLE as text with six decimals: enough for times.
TEST_CASE("Database: a time keeps its microseconds", "[host]") {
  Database database(Fresh());
  for (const double number : {0.0, 0.25, 1e-6, -2.5, 1790000000.123456, 12345678901.0}) {
    const auto rows = database.Query("SELECT ? + 0e0", number);
    REQUIRE(rows);
    CHECK(rows->at(0).Real(0) == number);
  }
}

TEST_CASE("Database: a duplicate key is a conflict, an error of ours is internal", "[host]") {
  Counters database(Fresh());
  const auto twice = database.Execute("INSERT INTO counters VALUES ('a', 1)");
  REQUIRE_FALSE(twice);
  CHECK(twice.error().code == Code::kConflict);
  const auto nonsense = database.Execute("UPDATE nothing SET more = 1");
  REQUIRE_FALSE(nonsense);
  CHECK(nonsense.error().code == Code::kInternal);
  CHECK_THAT(nonsense.error().message, Contains("nothing"));
}

TEST_CASE("Database: Execute counts the rows that changed", "[host]") {
  Counters database(Fresh());
  CHECK(database.Execute("UPDATE counters SET value = 0 WHERE name = 'a'").value() == 0);
  CHECK(database.Execute("UPDATE counters SET value = 1").value() == 2);
}

TEST_CASE("Database: more statements than a connection keeps prepared", "[host]") {
  Database database(Fresh(5s, 1));
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 90; ++i) {
      const auto rows = database.Query(fmt::format("SELECT {} + ?", i), 1);
      REQUIRE(rows);
      REQUIRE(rows->at(0).Integer(0) == i + 1);
    }
  }
  const auto kept = database.Query("SHOW SESSION STATUS LIKE 'Prepared_stmt_count'");
  const auto all = database.Query("SHOW GLOBAL STATUS LIKE 'Prepared_stmt_count'");
  CHECK(kept.value().at(0).Integer(1) <= 41);
  CHECK(all.value().at(0).Integer(1) <= 41);
}

TEST_CASE("Database: a transaction that fails leaves nothing", "[host]") {
  Counters database(Fresh());
  const auto done = database.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(session.Execute(kIncrement, "a"));
    return Fail(Code::kNoCapacity, "enough");
  });
  REQUIRE_FALSE(done);
  CHECK(done.error().code == Code::kNoCapacity);
  CHECK(database.Value("a") == 0);
}

TEST_CASE("Database: a transaction that loses its connection runs again from its start", "[host]") {
  Counters database(Fresh());
  int runs = 0;
  const auto done = database.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(session.Execute(kIncrement, "a"));
    if (++runs == 1) KillConnection(database, OwnId(session));
    TRY(session.Execute(kIncrement, "b"));
    return {};
  });
  CHECK(done);
  CHECK(runs == 2);
  CHECK(database.Value("a") == 1);
  CHECK(database.Value("b") == 1);
}

TEST_CASE("Database: a commit that is lost is not repeated, and its caller is told", "[host]") {
  Counters database(Fresh());
  int runs = 0;
  const auto done = database.Transaction<void>([&](Session& session) -> Result<void> {
    ++runs;
    TRY(session.Execute(kIncrement, "a"));
    KillConnection(database, OwnId(session));
    return {};
  });
  REQUIRE_FALSE(done);
  CHECK(done.error().code == Code::kUnavailable);
  CHECK_THAT(done.error().message, Contains("commit"));
  CHECK(runs == 1);
  CHECK(database.Value("a") == 0);
}

/// What `call` gives, whose statement begins with `sql` and waits for the counter a when its
/// connection is killed.
template <class Call>
auto CutOff(Database& other, const std::string& sql, Call call) {
  std::future<decltype(call())> result;
  REQUIRE(other.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(session.Execute(kIncrement, "a"));
    result = std::async(std::launch::async, call);
    const auto end = Clock::now() + 4s;
    while (Clock::now() < end) {
      const auto waiting =
          TRY(session.Query("SELECT id FROM information_schema.processlist"
                            " WHERE info LIKE CONCAT(?, '%')",
                            sql));
      if (!waiting.empty()) {
        KillConnection(other, waiting[0].Integer(0));
        return {};
      }
    }
    return Fail(Code::kTimeout, "never seen at work: {}", sql);
  }));
  return result.get();
}

TEST_CASE("Database: a statement that was cut off is not sent again, a query is", "[host]") {
  DatabaseOptions options = Fresh();
  Counters database(options);
  Database other(options);
  const auto changed = CutOff(other, "UPDATE counters SET value = 7",
                              [&] { return database.Execute("UPDATE counters SET value = 7"); });
  REQUIRE_FALSE(changed);
  CHECK(changed.error().code == Code::kUnavailable);
  CHECK(database.Value("a") == 1);
  const auto read = CutOff(other, "SELECT value, 1", [&] {
    return database.Query("SELECT value, 1 FROM counters WHERE name = 'a' FOR UPDATE");
  });
  INFO((read ? "" : read.error().message));
  REQUIRE(read);
  CHECK(read->at(0).Integer(0) == 2);
}

TEST_CASE("Database: a server that is away is waited for, no longer than patience", "[host]") {
  Counters database(Fresh(1s));
  SharedMariaDb().Stop();
  const auto results = Race(4, [&](int) {
    const auto began = Clock::now();
    const auto done = database.Execute(kIncrement, "a");
    return std::pair(done, Clock::now() - began);
  });
  for (const auto& [done, time] : results) {
    REQUIRE_FALSE(done);
    CHECK(done.error().code == Code::kUnavailable);
    CHECK(time < 2s);
  }
  SharedMariaDb().Start();
  const auto began = Clock::now();
  CHECK(database.Execute(kIncrement, "a"));
  CHECK(Clock::now() - began < 500ms);
  CHECK(database.Value("a") == 1);
}

TEST_CASE("Database: a call outlives a restart of the server", "[host]") {
  Counters database(Fresh());
  SharedMariaDb().Kill();
  auto call = std::async(std::launch::async, [&] {
    return database.Transaction<std::int64_t>(
        [](Session& session) { return session.Execute(kIncrement, "a"); });
  });
  SharedMariaDb().Start();
  CHECK(call.get());
  CHECK(database.Value("a") == 1);
}

TEST_CASE("Database: connections that went stale while idle are no error", "[host]") {
  Counters database(Fresh());
  REQUIRE(Succeeded(Race(8, [&](int) { return database.Query("SELECT SLEEP(0.05)"); })) == 8);
  SharedMariaDb().Stop();
  SharedMariaDb().Start();
  std::this_thread::sleep_for(600ms);  // Past the time for which a used connection is trusted.
  const auto results = Race(8, [&](int) { return database.Execute(kIncrement, "a"); });
  CHECK(Succeeded(results) == 8);
  CHECK(database.Value("a") == 8);
}

// Each idle connection would be asked first whether it still lives, for a whole timeout, and who
// waits for a connection would wait for another.
TEST_CASE("Database: while the server is frozen nobody waits much longer than patience", "[host]") {
  constexpr int kCallers = 12;
  Counters database(Fresh(3s, 4));
  (void)Race(4, [&](int) { return database.Query("SELECT SLEEP(0.1)"); });
  std::this_thread::sleep_for(600ms);
  SharedMariaDb().Freeze();
  const auto took = Race(kCallers, [&](int) {
    const auto begun = Clock::now();
    const auto done = database.Transaction<void>([](Session& session) -> Result<void> {
      TRY(session.Execute(kIncrement, "a"));
      return {};
    });
    return std::pair(Clock::now() - begun, done ? Code::kInternal : done.error().code);
  });
  SharedMariaDb().Thaw();
  for (const auto& [time, code] : took) {
    CHECK(code == Code::kUnavailable);
    CHECK(time < 5s);
  }
  CHECK(database.Value("a") == 0);
  REQUIRE(database.Execute(kIncrement, "a"));
  CHECK(database.Value("a") == 1);
}

TEST_CASE("Database: its connections are bounded", "[host]") {
  constexpr int kConnections = 3;
  Counters database(Fresh(300ms, kConnections));
  std::latch all_busy(kConnections + 1);
  std::promise<void> release;
  const auto released = release.get_future().share();
  std::vector<std::future<Result<void>>> holders;
  for (int i = 0; i < kConnections; ++i) {
    holders.push_back(std::async(std::launch::async, [&] {
      return database.OnOneConnection<void>([&](Session& session) -> Result<void> {
        TRY(session.Query("SELECT 1"));
        all_busy.arrive_and_wait();
        released.wait();
        return {};
      });
    }));
  }
  all_busy.arrive_and_wait();
  const auto began = Clock::now();
  const auto refused = database.Query("SELECT 1");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kUnavailable);
  CHECK_THAT(refused.error().message, Contains("all 3 database connections are busy"));
  CHECK(Clock::now() - began >= 300ms);
  auto waiting = std::async(std::launch::async, [&] { return database.Query("SELECT 1"); });
  release.set_value();
  CHECK(waiting.get());
  for (auto& holder : holders) CHECK(holder.get());
}

TEST_CASE("Database: a wrong password is not waited for", "[host]") {
  DatabaseOptions options = Fresh();
  options.password = "wrong";
  const auto began = Clock::now();
  const auto refused = Database(options).Query("SELECT 1");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kInternal);
  CHECK_THAT(refused.error().message, Contains("Access denied"));
  CHECK(Clock::now() - began < 1s);
}

}  // namespace
