// SPDX-License-Identifier: Apache-2.0
#include "gossip/codec.h"

#include <catch2/catch.hpp>

#include "gossip/random.h"

namespace sf::gossip {
namespace {

const NodeId kName("n1");
const Statement kSuspect = {.name = NodeId("n2"),
                            .address = {.ip = 0x0a000002, .port = 13002},
                            .boot = 77,
                            .incarnation = 300,
                            .state = MemberState::kSuspect,
                            .witnesses = {{kName, Evidence::kGone}, {NodeId("n3"), {}}}};

std::vector<Part> OneOfEach() {
  const Item item = {.key = 5, .version = 9, .payload = std::string("\0\xff", 2)};
  return {Ping{.sequence = 1, .view = ~0ull, .clock = 12345},
          Ack{.sequence = 2, .view = 0, .clock = 1},
          PingReq{3, kSuspect.name, kSuspect.address, 200},
          Vouch{3, true},
          Tell{kSuspect, kName},
          Announced{kName, 77, item, kName},
          Heard{0xdeadbeef, true},
          Buckets{{1, 0xffffffff, 0, 7}},
          Entries{64, {0, 63}, {{kSuspect, 4}}},
          Want{kName, 77, 3},
          Delta{kName, 77, 3, 9, {item}},
          Nudge{}};
}

std::string Encode(const std::vector<Part>& parts) {
  std::vector<std::string> encoded;
  for (const Part& part : parts) encoded.push_back(EncodePart(part));
  const auto datagrams = Assemble(kName, 42, encoded, 1200);
  REQUIRE(datagrams.size() == 1);
  return datagrams[0];
}

TEST_CASE("Codec: every part comes back as it was sent") {
  const auto packet = Decode(Encode(OneOfEach()));
  REQUIRE(packet);
  CHECK(*packet == Packet{kName, 42, OneOfEach()});
}

TEST_CASE("Codec: verdicts do not travel, a dead member is told of as a suspect") {
  Statement dead = kSuspect;
  dead.state = MemberState::kDead;
  const auto packet = Decode(Encode({Tell{dead, kName}}));
  REQUIRE(packet);
  CHECK(std::get<Tell>(packet->parts[0]).statement == kSuspect);
}

TEST_CASE("Codec: what is malformed, or of a version that we do not know, is refused") {
  const auto refused = [](std::string_view bytes) { return !Decode(bytes); };
  CHECK(refused(""));
  CHECK(refused("\xc1"));
  CHECK(refused("\x93\x02\xa2n1\x2a"));                  // version 2
  CHECK(refused("\x93\x01\xa3n 1\x2a"));                 // a blank in a name
  CHECK(refused("\x92\x01\xa2n1"));                      // no boot id
  CHECK(refused("\x94\x01\xa2n1\x2a\x92\x01\x07"));      // a ping without its view
  CHECK(refused("\x94\x01\xa2n1\x2a\x93\x04\x03\x01"));  // 1 for true
  CHECK(refused("\x93\x01\xa2n1\x2a\x2a"));              // bytes after the end
  CHECK(refused("\xdd\xff\xff\xff\xff\x01"));            // four billion elements
  CHECK(refused(std::string(1000, '\x91')));             // a thousand arrays in one another
  CHECK(refused(Encode({PingReq{1, NodeId(std::string(kMaxName + 1, 'x')), {}, 1}})));
  CHECK(refused(Encode({Delta{kName, 1, 0, 1, {{1, 1, std::string(kMaxPayload + 1, 'x')}}}})));
  CHECK(refused(Encode({Entries{2 * kMaxBuckets, {}, {}}})));
  CHECK(refused(Encode({Entries{3, {}, {}}})));
  CHECK(refused(Encode({Buckets{{1, 2, 3}}})));
  Statement late = kSuspect;
  late.incarnation = ~0ull;
  CHECK(refused(Encode({Tell{late, kName}})));
}

TEST_CASE("Codec: truncated, flipped and random bytes never do more than be refused") {
  Random random(1);
  const std::string good = Encode(OneOfEach());
  for (std::size_t size = 0; size < good.size(); ++size) CHECK_FALSE(Decode(good.substr(0, size)));
  for (int i = 0; i < 20000; ++i) {
    std::string bad = good;
    for (std::size_t flips = 1 + random.Below(4); flips > 0; --flips) {
      bad[random.Below(bad.size())] = static_cast<char>(random.Next());
    }
    (void)Decode(bad);
    bad.resize(random.Below(64));
    for (char& byte : bad) byte = static_cast<char>(random.Next());
    (void)Decode(bad);
  }
}

TEST_CASE("Codec: parts are split into datagrams within the limit, in order") {
  std::vector<std::string> parts;
  for (std::uint64_t i = 1; i <= 20; ++i) {
    parts.push_back(EncodePart(Announced{kName, 1, {1, i, std::string(200, 'x')}, kName}));
  }
  std::uint64_t next = 1;
  for (const std::string& datagram : Assemble(kName, 42, parts, 1200)) {
    CHECK(datagram.size() <= 1200);
    const auto packet = Decode(datagram);
    REQUIRE(packet);
    for (const Part& part : packet->parts) CHECK(std::get<Announced>(part).item.version == next++);
  }
  CHECK(next == 21);
}

}  // namespace
}  // namespace sf::gossip
