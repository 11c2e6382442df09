// SPDX-License-Identifier: Apache-2.0
#include "node/sql_url.h"

#include <catch2/catch.hpp>

namespace sf {

TEST_CASE("SqlUrl: every part is read", "[config]") {
  const auto url =
      ParseSqlUrl("mysql://sf:s%40cr%2Fe%25t:x@db1,db-2.example:3307,[fd00::1]:99/sf_1");
  REQUIRE(url);
  CHECK(url->user == "sf");
  CHECK(url->password == "s@cr/e%t:x");
  CHECK(url->database == "sf_1");
  REQUIRE(url->hosts.size() == 3);
  CHECK((url->hosts[0].name == "db1" && url->hosts[0].port == 3306));
  CHECK((url->hosts[1].name == "db-2.example" && url->hosts[1].port == 3307));
  CHECK((url->hosts[2].name == "fd00::1" && url->hosts[2].port == 99));
  CHECK(WithoutPassword(*url) == "mysql://sf:***@db1:3306,db-2.example:3307,[fd00::1]:99/sf_1");
}

TEST_CASE("SqlUrl: a password may be missing", "[config]") {
  const auto url = ParseSqlUrl("mysql://sf@h/d");
  REQUIRE(url);
  CHECK(url->password.empty());
}

TEST_CASE("SqlUrl: what is out of place is refused, and none of it is repeated", "[config]") {
  using namespace std::string_literals;
  const std::string text = GENERATE(
      as<std::string>{}, "", "mysql:", "mysql://", "postgres://u:SECRET@h/d", "u:SECRET@h/d",
      "mysql://u:SECRET@h", "mysql://u:SECRET@h/", "mysql://u:SECRET/h/d", "mysql://:SECRET@h/d",
      "mysql://u:SECRET@SECRET@h/d", "mysql://u:SECRET/SECRET@h/d", "mysql://u:a@SECRET/b@h/d",
      "mysql://u:SECRET%@h/d", "mysql://u:SECRET%4@h/d", "mysql://u:SECRET%zz@h/d",
      "mysql://u:SECRET%00@h/d", "mysql://u:SECRET%0a@h/d", "mysql://u:SECRET%-1@h/d",
      "mysql://u:SECRET\n@h/d", "mysql://u:SECRET@h:0/d", "mysql://u:SECRET@h:65536/d",
      "mysql://u:SECRET@h:/d", "mysql://u:SECRET@h:3306x/d", "mysql://u:SECRET@h,/d",
      "mysql://u:SECRET@,h/d", "mysql://u:SECRET@/d", "mysql://u:SECRET@h o/d",
      "mysql://u:SECRET@[::1/d", "mysql://u:SECRET@[]/d", "mysql://u:SECRET@[::1]x/d",
      "mysql://u:SECRET@::1/d", "mysql://u:SECRET@h/d?ssl=SECRET", "mysql://u:SECRET@h/d/e",
      "mysql://u:SECRET@h/d;drop", "mysql://u:SECRET@h/%64%00", "mysql://u:SECRET@h\0/d"s,
      "mysql://u:SECRET@1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17/d",
      "mysql://u:SECRET@h/" + std::string(65, 'd'));
  CAPTURE(text);
  const auto url = ParseSqlUrl(text);
  REQUIRE_FALSE(url);
  CHECK(url.error().code == Code::kInvalid);
  CHECK(url.error().message.find("SECRET") == std::string::npos);
}

}  // namespace sf
