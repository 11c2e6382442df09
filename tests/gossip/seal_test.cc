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
  for (int i = 0; i < 1100; ++i) sealed.push_back(alice.Close("x"));
  CHECK(bob.Open(sealed[1099]).drop == Drop::kNone);
  CHECK(bob.Open(sealed[1098]).drop == Drop::kNone);
  CHECK(bob.Open(sealed[76]).drop == Drop::kNone);
  CHECK(bob.Open(sealed[75]).drop == Drop::kReplayed);
  CHECK(bob.Open(sealed[76]).drop == Drop::kReplayed);
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
