// SPDX-License-Identifier: Apache-2.0
#include "node/store/role_store.h"

#include "tests/host/test_store.h"

namespace {

using namespace sf;
using namespace sf::test;

/// With nodes n1 (of TestStore), n2 and n3.
struct Roles : TestStore {
  const NodeId n2{"n2"};
  const NodeId n3{"n3"};
  store::RoleStore row{database};

  Roles() {
    for (const NodeId& node : {n2, n3}) {
      REQUIRE(nodes.Register(
          {.name = node, .ip = "10.0.0.2", .fqdn = "", .zone = "", .release = "", .limit = {}}));
    }
  }
  /// Its last heartbeat was so long ago.
  void Silence(const NodeId& node, double seconds) {
    REQUIRE(database.Execute(
        "UPDATE nodes SET heartbeat = UNIX_TIMESTAMP(NOW(6)) - ? WHERE name = ?", seconds, node));
  }
  std::string Now() const {
    const auto read = row.Read().value();
    return fmt::format("{} {}", read.holder, read.term);
  }
};

TEST_CASE("RoleStore: nobody holds the role at first, and the first claim has it", "[host]") {
  Roles roles;
  CHECK(roles.Now() == " 0");
  CHECK_FALSE(roles.row.Read()->heartbeat_age);
  REQUIRE(roles.row.Claim(roles.n1, 0));
  CHECK(roles.Now() == "n1 1");
  CHECK(roles.row.Claim(roles.n2, 0).error().code == Code::kConflict);
}

TEST_CASE("RoleStore: of many who claim at once one gets it, and one term is used", "[host]") {
  Roles roles;
  for (std::uint64_t term = 0; term < 5; ++term) {
    const auto claims =
        Race(8, [&](int i) { return roles.row.Claim(NodeId("c" + std::to_string(i)), term); });
    CHECK(Succeeded(claims) == 1);
    CHECK(roles.row.Read()->term == term + 1);
  }
}

TEST_CASE("RoleStore: a holder with a heartbeat is not replaced, one without is", "[host]") {
  Roles roles;
  REQUIRE(roles.row.Claim(roles.n1, 0));
  REQUIRE(roles.nodes.Beat(roles.n1));
  CHECK(roles.row.Claim(roles.n2, 1).error().code == Code::kConflict);
  roles.Silence(roles.n1, 2.5);
  CHECK(roles.row.Read()->heartbeat_age == Approx(2.5).margin(0.3));
  CHECK(roles.row.Claim(roles.n2, 1).error().code == Code::kConflict);
  roles.Silence(roles.n1, 3.1);
  REQUIRE(roles.row.Claim(roles.n2, 1));
  CHECK(roles.Now() == "n2 2");
}

TEST_CASE("RoleStore: a heartbeat written before the clock was set back protects nobody",
          "[host]") {
  Roles roles;
  REQUIRE(roles.row.Claim(roles.n1, 0));
  roles.Silence(roles.n1, -3600);
  CHECK(roles.row.Claim(roles.n2, 1));
}

TEST_CASE("RoleStore: a holder that stopped, was deleted or never was is replaced", "[host]") {
  Roles roles;
  REQUIRE(roles.row.Claim(roles.n1, 0));
  REQUIRE(roles.nodes.SetState(roles.n1, "stopped"));
  REQUIRE(roles.row.Claim(roles.n2, 1));
  REQUIRE(roles.nodes.SetState(roles.n2, "deleted"));
  REQUIRE(roles.row.Claim(NodeId("ghost"), 2));
  REQUIRE(roles.row.Claim(roles.n3, 3));
  CHECK(roles.Now() == "n3 4");
}

TEST_CASE("RoleStore: the holder alone hands over, in its own term alone", "[host]") {
  Roles roles;
  REQUIRE(roles.row.Claim(roles.n1, 0));
  CHECK(roles.row.HandOver(roles.n2, roles.n2, 1).error().code == Code::kConflict);
  CHECK(roles.row.HandOver(roles.n1, roles.n2, 0).error().code == Code::kConflict);
  REQUIRE(roles.row.HandOver(roles.n1, roles.n2, 1));
  CHECK(roles.Now() == "n2 2");
  CHECK(roles.row.HandOver(roles.n1, roles.n3, 2).error().code == Code::kConflict);
}

TEST_CASE("RoleStore: the holder may go on to the next term itself", "[host]") {
  Roles roles;
  REQUIRE(roles.row.Claim(roles.n1, 0));
  REQUIRE(roles.row.Claim(roles.n1, 1));
  CHECK(roles.Now() == "n1 2");
}

}  // namespace
