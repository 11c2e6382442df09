// SPDX-License-Identifier: Apache-2.0
#include "node/api/caller.h"

#include <catch2/catch.hpp>

namespace sf::api {

TEST_CASE("Caller: what is theirs, what trust adds, and what an administrator may") {
  const NamespaceId team("team"), friends("friends"), others("others");
  const Caller caller{team, "k", {}, {friends}};
  CHECK(caller.Owns(team));
  CHECK_FALSE(caller.Owns(friends));
  CHECK(caller.Manages(team));
  CHECK(caller.Manages(friends));
  CHECK_FALSE(caller.Manages(others));
  CHECK_FALSE(caller.Manages(kSystemNamespace));
  CHECK(caller.Managed() == std::vector{friends, team});

  const Caller admin{kSystemNamespace, "k", {}, {}};
  CHECK(admin.Owns(others));
  CHECK(admin.Manages(others));
  // Names are compared whole, and as they are.
  CHECK_FALSE(Caller{NamespaceId("System"), "k", {}, {}}.IsAdmin());
  CHECK_FALSE(Caller{NamespaceId("system2"), "k", {}, {}}.IsAdmin());
}

}  // namespace sf::api
