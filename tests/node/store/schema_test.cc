// SPDX-License-Identifier: Apache-2.0
#include "node/store/schema.h"

#include <catch2/catch.hpp>

namespace sf::store {

TEST_CASE("SplitStatements: cut at a semicolon that ends a line, without comments") {
  const auto statements = SplitStatements(
      "-- what it is; and why\n"
      "CREATE TABLE a (\n  -- inside; too\n  b INT\n);\n\nINSERT INTO a VALUES (';x');\n");
  REQUIRE(statements.size() == 2);
  CHECK(statements[0] == "CREATE TABLE a (\n  b INT\n)\n");
  CHECK(statements[1] == "INSERT INTO a VALUES (';x')\n");
}

TEST_CASE("SplitStatements: a last statement without a semicolon counts") {
  CHECK(SplitStatements("SELECT 1").size() == 1);
  CHECK(SplitStatements("-- nothing\n").empty());
}

}  // namespace sf::store
