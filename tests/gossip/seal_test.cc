// SPDX-License-Identifier: Apache-2.0
#include "gossip/seal.h"

#include <catch2/catch.hpp>

namespace sf::gossip {
namespace {

constexpr Seal::Key kOld = {1};
constexpr Seal::Key kNew = {2};
constexpr std::size_t kLimit = 1200;

TEST_CASE("Seal: what one node closes another opens, once") {
  Seal alice({kOld}, 1, kLimit), bob({kOld}, 2, kLimit);
  const std::string sealed = alice.Close("hello");
  CHECK(sealed.size() == 5 + Seal::kOverhead);
  CHECK(bob.Open(sealed).text == "hello");
  CHECK(bob.Open(sealed).drop == Drop::kReplayed);
  CHECK(bob.Dropped(Drop::kReplayed) == 1);
}

TEST_CASE("Seal: datagrams that overtake each other are let in, those from long ago are not") {
  Seal alice({kOld}, 1, kLimit), bob({kOld}, 2, kLimit);
  std::vector<std::string> sealed;
  for (int i = 0; i < 5000; ++i) sealed.push_back(alice.Close("x"));  // most of them to others
  const auto lets_in = [&](std::size_t i) { return bob.Open(sealed[i]).drop == Drop::kNone; };
  CHECK(lets_in(4000));
  CHECK(lets_in(1000));
  for (std::size_t i = 4001; i < 4014; ++i) CHECK(lets_in(i));
  CHECK(lets_in(2000));  // Overtaken by 14.
  CHECK(lets_in(1500));
  CHECK_FALSE(lets_in(1200));  // By 16.
  for (const std::size_t again : {1000, 1500, 2000, 4000, 4013}) CHECK_FALSE(lets_in(again));
  CHECK(lets_in(4999));
}

// A burst by TCP may wait for its connection while datagrams go on.
TEST_CASE("Seal: of two ways with an order of their own, the slower one is let in") {
  Seal alice({kOld}, 1, kLimit), bob({kOld}, 2, kLimit);
  std::vector<std::string> burst, others;
  for (int i = 0; i < 500; ++i) burst.push_back(alice.Close("x"));
  for (int i = 0; i < 10; ++i) others.push_back(alice.Close("x"));
  for (const std::string& sealed : others) CHECK(bob.Open(sealed).drop == Drop::kNone);
  for (const std::string& sealed : burst) CHECK(bob.Open(sealed).drop == Drop::kNone);
  for (const std::string& sealed : burst) CHECK(bob.Open(sealed).drop == Drop::kReplayed);
}

TEST_CASE("Seal: keys are changed without a moment in which nodes do not understand each other") {
  Seal alice({kOld}, 1, kLimit), bob({kOld}, 2, kLimit);
  bob.SetKeys({kOld, kNew});
  CHECK(bob.Open(alice.Close("x")).drop == Drop::kNone);
  alice.SetKeys({kNew, kOld});
  CHECK(bob.Open(alice.Close("x")).drop == Drop::kNone);
  CHECK(alice.Open(bob.Close("x")).drop == Drop::kNone);
  alice.SetKeys({kNew});
  CHECK(bob.Open(alice.Close("x")).drop == Drop::kNone);
  CHECK(alice.Open(bob.Close("x")).drop == Drop::kWrongKey);
}

TEST_CASE("Seal: every changed bit is noticed, and moves no replay window") {
  Seal alice({kOld}, 1, kLimit), bob({kOld}, 2, kLimit);
  const std::string sealed = alice.Close("hello");
  for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    std::string bad = sealed;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << bit % 8));
    CHECK(bob.Open(bad).drop == Drop::kWrongKey);
  }
  CHECK(bob.Open(sealed).text == "hello");
}

TEST_CASE("Seal: too short and too long are told apart before any cryptography") {
  Seal bob({kOld}, 2, kLimit);
  CHECK(bob.Open(std::string(Seal::kOverhead - 1, 'x')).drop == Drop::kTruncated);
  CHECK(bob.Open(std::string(kLimit + Seal::kOverhead + 1, 'x')).drop == Drop::kOversized);
}

}  // namespace
}  // namespace sf::gossip
