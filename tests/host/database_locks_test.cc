// SPDX-License-Identifier: Apache-2.0
// Who waits for whose locks in the database, and for how long.
#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <latch>

#include "tests/host/counters.h"

namespace {

using namespace sf::store;
using namespace sf::test;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using sf::Code;
using sf::Result;
using Clock = std::chrono::steady_clock;

TEST_CASE("Database: of two transactions in deadlock both end, each once", "[host]") {
  Counters database(Fresh());
  std::atomic<int> runs = 0;
  std::latch both_hold_one(2);
  const auto results = Race(2, [&](int i) {
    bool first_run = true;
    return database.Transaction<void>([&, i](Session& session) -> Result<void> {
      ++runs;
      TRY(session.Execute(kIncrement, i == 0 ? "a" : "b"));
      if (std::exchange(first_run, false)) both_hold_one.arrive_and_wait();
      TRY(session.Execute(kIncrement, i == 0 ? "b" : "a"));
      return {};
    });
  });
  CHECK(Succeeded(results) == 2);
  CHECK(runs >= 3);
  CHECK(database.Value("a") == 2);
  CHECK(database.Value("b") == 2);
}

TEST_CASE("Database: who waits too long for another's lock is told that", "[host]") {
  Counters database(Fresh(2s));
  std::promise<void> held, release;
  auto holder = std::async(std::launch::async, [&] {
    return database.Transaction<void>([&](Session& session) -> Result<void> {
      TRY(session.Execute(kIncrement, "a"));
      held.set_value();
      release.get_future().wait();
      return {};
    });
  });
  held.get_future().wait();
  const auto began = Clock::now();
  const auto waited = database.Execute(kIncrement, "a");
  release.set_value();
  CHECK(holder.get());
  REQUIRE_FALSE(waited);
  CHECK(waited.error().code == Code::kUnavailable);
  CHECK_THAT(waited.error().message, Contains("busy"));
  CHECK(Clock::now() - began < 5s);
  CHECK(database.Value("a") == 1);
}

// It was carried out once the table was free again, long after its caller had been refused.
TEST_CASE("Database: what waited too long for a table is not done later", "[host]") {
  DatabaseOptions options = Fresh(2s);
  Counters database(options);
  options.patience = 5s;
  Database other(options);
  std::promise<void> held;
  auto holder = std::async(std::launch::async, [&] {
    return other.OnOneConnection<void>([&](Session& session) -> Result<void> {
      TRY(session.ExecuteScript("LOCK TABLES counters WRITE"));
      held.set_value();
      TRY(session.Query("SELECT SLEEP(4)"));
      return session.ExecuteScript("UNLOCK TABLES");
    });
  });
  held.get_future().wait();
  const auto refused = database.Execute(kIncrement, "a");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kUnavailable);
  CHECK_THAT(refused.error().message, Contains("busy"));
  CHECK(holder.get());
  CHECK(database.Value("a") == 0);
}

TEST_CASE("Database: a client that falls silent in a transaction keeps its locks for seconds only",
          "[host]") {
  DatabaseOptions options = Fresh(20s);
  options.statement_timeout = 2s;
  Counters silent(options);
  Counters other(options);
  std::promise<void> locked;
  std::promise<void> others_turn_is_over;
  int runs = 0;
  auto done = std::async(std::launch::async, [&] {
    return silent.Transaction<void>([&](Session& session) -> Result<void> {
      TRY(session.Execute(kIncrement, "a"));
      if (++runs == 1) {
        locked.set_value();
        others_turn_is_over.get_future().wait();  // As one whose host has lost its power.
      }
      TRY(session.Execute(kIncrement, "b"));
      return {};
    });
  });
  locked.get_future().wait();
  const auto begun = Clock::now();
  CHECK(other.Execute(kIncrement, "a"));
  CHECK(Clock::now() - begun < 10s);
  others_turn_is_over.set_value();
  CHECK(done.get());  // It is back, and does all of it again.
  CHECK(runs == 2);
  CHECK(other.Value("a") == 2);
  CHECK(other.Value("b") == 1);
}

}  // namespace
