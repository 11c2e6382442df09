// SPDX-License-Identifier: Apache-2.0
#include "gossip/outbox.h"

#include <catch2/catch.hpp>

#include "gossip/config.h"

namespace sf::gossip {
namespace {

constexpr Address kHere = {.ip = 1, .port = 1};
constexpr Address kThere = {.ip = 2, .port = 1};
const Time kNow = Time(seconds(1));

std::vector<Datagram> Flush(Outbox& outbox, Time now) {
  return outbox.Flush(now, NodeId("n"), 1, 1200);
}

std::size_t PartsOf(const Datagram& datagram) {
  return Decode(datagram.bytes).value().parts.size();
}

TEST_CASE("Outbox: everything for one receiver goes in one datagram") {
  Outbox outbox;
  for (std::uint32_t i = 0; i < 3; ++i) outbox.Add(kHere, Heard{i, false});
  outbox.Add(kThere, Heard{1, false});
  const auto sent = Flush(outbox, kNow);
  REQUIRE(sent.size() == 2);
  CHECK(PartsOf(sent[0]) == 3);
  CHECK(Flush(outbox, kNow).empty());
  CHECK(outbox.next_flush() == Time::max());
}

TEST_CASE("Outbox: what can wait does so until its time is up") {
  Outbox outbox;
  outbox.AddUntil(kNow + milliseconds(10), kHere, Heard{1, false});
  outbox.AddUntil(kNow + milliseconds(12), kHere, Heard{2, false});
  outbox.Add(kThere, Heard{1, false});
  CHECK(Flush(outbox, kNow).size() == 1);
  CHECK(outbox.next_flush() == kNow + milliseconds(10));
  CHECK(Flush(outbox, kNow + milliseconds(9)).empty());
  const auto sent = Flush(outbox, kNow + milliseconds(10));
  REQUIRE(sent.size() == 1);
  CHECK(PartsOf(sent[0]) == 2);
}

TEST_CASE("Outbox: what waits goes along with whatever is sent there") {
  Outbox outbox;
  outbox.AddUntil(kNow + milliseconds(10), kHere, Heard{1, false});
  outbox.Add(kHere, Vouch{1, true});
  const auto sent = Flush(outbox, kNow);
  REQUIRE(sent.size() == 1);
  CHECK(PartsOf(sent[0]) == 2);
}

}  // namespace
}  // namespace sf::gossip
