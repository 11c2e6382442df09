// SPDX-License-Identifier: Apache-2.0
// SQL_URL may name several hosts. What only Galera does is tested by
// tests/functional/test_galera.py.
#include <catch2/catch.hpp>
#include <thread>

#include "node/store/database.h"
#include "tests/host/private_mariadb.h"

namespace {

using namespace sf::store;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using sf::Code;
using sf::Result;
using sf::test::PrivateMariaDb;
using sf::test::SharedMariaDb;
using Clock = std::chrono::steady_clock;

TEST_CASE("Database: of several hosts the first that answers is used", "[host]") {
  DatabaseOptions options = SharedMariaDb().FreshDatabase();
  options.patience = 1s;
  options.hosts.insert(options.hosts.begin(), {"127.0.0.1", 1});
  CHECK(Database(options).Execute("CREATE TABLE t (a INT PRIMARY KEY)"));
  options.hosts = {{"127.0.0.1", 1}, {"127.0.0.1", 2}};
  const auto refused = Database(options).Query("SELECT 1");
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Code::kUnavailable);
  CHECK_THAT(refused.error().message, Contains("127.0.0.1:2"));
}

TEST_CASE("Database: the first host in order that is ready is in use, soon after it is", "[host]") {
  PrivateMariaDb second;
  DatabaseOptions options = SharedMariaDb().FreshDatabase();
  options.database = "information_schema";  // which both have
  const int first_port = SharedMariaDb().port();
  options.hosts.push_back({"127.0.0.1", second.port()});
  Database database(options);
  const auto port = [](auto& asked) {
    return asked.Query("SELECT @@port").value().at(0).Integer(0);
  };
  CHECK(port(database) == first_port);
  SharedMariaDb().Stop();
  CHECK(port(database) == second.port());
  database.ChooseHost();
  CHECK(port(database) == second.port());
  SharedMariaDb().Start();
  CHECK(database.host() == 1);
  REQUIRE(database.Transaction<void>([&](Session& session) -> Result<void> {
    const auto begun = port(session);
    std::this_thread::sleep_for(200ms);  // What has just been chosen is not chosen again.
    database.ChooseHost();
    CHECK(port(session) == begun);
    return {};
  }));
  CHECK(database.host() == 0);
  CHECK(port(database) == first_port);

  SharedMariaDb().Freeze();
  std::this_thread::sleep_for(200ms);
  const auto begun = Clock::now();
  database.ChooseHost();
  CHECK(port(database) == second.port());
  CHECK(Clock::now() - begun < 5s);
  SharedMariaDb().Thaw();
}

}  // namespace
