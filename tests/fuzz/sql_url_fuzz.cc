// SPDX-License-Identifier: Apache-2.0
// SQL_URL. What is shown of it to people, also of a wrong one, never has the password in it.
#include "node/sql_url.h"

#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {

void Try(std::string_view input) {
  const Result<SqlUrl> url = ParseSqlUrl(input);
  if (!url) return;
  SF_CHECK(!url->hosts.empty());
  for (const SqlUrl::Host& host : url->hosts) {
    SF_CHECK(!host.name.empty() && host.port > 0 && host.port < 65536);
  }
  SqlUrl other = *url;
  other.password = "another";
  SF_CHECK(WithoutPassword(other) == WithoutPassword(*url));
}

std::vector<std::string> Seeds() {
  return {"mysql://u:p@h/d", "mysql://u%40:p%3a%2f@a:3306,b:3307,[::1]:1/d%20b", "mysql://u@h/d"};
}

}  // namespace sf::fuzz
