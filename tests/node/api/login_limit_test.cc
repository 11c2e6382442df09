// SPDX-License-Identifier: Apache-2.0
#include "node/api/login_limit.h"

#include <catch2/catch.hpp>

#include "node/api/known_keys.h"

namespace sf::api {
namespace {

using namespace std::chrono_literals;

const LoginLimit::Clock::time_point kNow = LoginLimit::Clock::time_point() + 1h;

int TriesLeft(LoginLimit& limit, const std::string& address, const std::string& name_space,
              LoginLimit::Clock::time_point now = kNow) {
  int tries = 0;
  while (limit.Take(address, name_space, now)) ++tries;
  return tries;
}

}  // namespace

TEST_CASE("LoginLimit: one source has so many tries a minute, others have theirs") {
  LoginLimit limit(5);
  CHECK(TriesLeft(limit, "192.0.2.1", "team") == 5);
  CHECK(TriesLeft(limit, "192.0.2.2", "team") == 5);
  CHECK(TriesLeft(limit, "192.0.2.1", "other") == 5);
  CHECK(TriesLeft(limit, "192.0.2.1", "team", kNow + 24s) == 2);
  CHECK(TriesLeft(limit, "192.0.2.1", "team", kNow + 1h) == 5);
}

TEST_CASE("LoginLimit: all namespaces together have ten times as many") {
  LoginLimit limit(5);
  int tries = 0;
  for (int i = 0; i < 100; ++i) tries += TriesLeft(limit, "192.0.2.1", std::to_string(i));
  CHECK(tries == 50);
}

TEST_CASE("LoginLimit: a right key takes nothing") {
  LoginLimit limit(1);
  for (int i = 0; i < 100; ++i) {
    REQUIRE(limit.Take("192.0.2.1", "team", kNow));
    limit.GiveBack("192.0.2.1", "team");
  }
}

TEST_CASE("LoginLimit: whoever comes from thousands of sources fills no memory") {
  LoginLimit limit(1);
  for (int i = 0; i < 50'000; ++i) CHECK(limit.Take(std::to_string(i), "team", kNow));
}

TEST_CASE("SourceOf: a network of IPv6 is one source") {
  CHECK(SourceOf("192.0.2.1") == "192.0.2.1");
  CHECK(SourceOf("2001:db8::1:2") == SourceOf("2001:db8::ffff"));
  CHECK(SourceOf("2001:db8::1") != SourceOf("2001:db8:0:1::1"));
}

TEST_CASE("KnownKeys: a key is known beside its hash only") {
  KnownKeys known;
  CHECK_FALSE(known.Knows("hash", "key"));
  known.Remember("hash", "key");
  CHECK(known.Knows("hash", "key"));
  CHECK_FALSE(known.Knows("hash", "another"));
  CHECK_FALSE(known.Knows("another hash", "key"));
}

}  // namespace sf::api
