// SPDX-License-Identifier: Apache-2.0
// What is decoded can be said again, in as many bytes at most, and is then the same.
#include "gossip/codec.h"

#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {

using namespace gossip;

void Try(std::string_view input) {
  const std::optional<Packet> packet = Decode(input);
  if (!packet) return;
  SF_CHECK(!packet->from.empty() && packet->from.value.size() <= kMaxName);
  // Nothing a stranger says takes more than a small multiple of its bytes here.
  SF_CHECK(packet->parts.size() <= input.size());

  std::vector<std::string> parts;
  for (const Part& part : packet->parts) parts.push_back(EncodePart(part));
  std::vector<Part> again;
  for (const std::string& datagram : Assemble(packet->from, packet->boot, parts, 1 << 16)) {
    const std::optional<Packet> decoded = Decode(datagram);
    SF_CHECK(decoded && decoded->from == packet->from && decoded->boot == packet->boot);
    again.insert(again.end(), decoded->parts.begin(), decoded->parts.end());
  }
  SF_CHECK(again == packet->parts);

  for (const std::string& datagram : Assemble(packet->from, packet->boot, parts, 1200)) {
    SF_CHECK(datagram.size() <= 1200 && Decode(datagram));
  }
}

std::vector<std::string> Seeds() {
  const NodeId self("n1");
  const Statement suspect = {.name = NodeId("n2"),
                             .address = {.ip = 0x0a000002, .port = 13002},
                             .boot = 77,
                             .incarnation = 300,
                             .state = MemberState::kSuspect,
                             .witnesses = {{self, Evidence::kGone}, {NodeId("n3"), {}}}};
  const Item item = {.key = 5, .version = 9, .payload = "payload"};
  const std::vector<Part> parts = {Ping{1, ~0ull, 12345},
                                   Ack{2, 0, 1},
                                   PingReq{3, suspect.name, suspect.address, 200},
                                   Vouch{3, true},
                                   Tell{suspect, self},
                                   Announced{self, 77, item, self},
                                   Heard{0xdeadbeef, true},
                                   Buckets{{1, 0xffffffff, 0, 7}},
                                   Entries{64, {0, 63}, {{suspect, 4}}},
                                   Want{self, 77, 3},
                                   Delta{self, 77, 3, 9, {item}},
                                   Nudge{}};
  std::vector<std::string> encoded;
  std::vector<std::string> seeds;
  for (const Part& part : parts) {
    encoded.push_back(EncodePart(part));
    for (std::string& seed : Assemble(self, 42, {&encoded.back(), 1}, 1200)) {
      seeds.push_back(std::move(seed));
    }
  }
  for (std::string& seed : Assemble(self, 42, encoded, 1200)) seeds.push_back(std::move(seed));
  return seeds;
}

}  // namespace sf::fuzz
