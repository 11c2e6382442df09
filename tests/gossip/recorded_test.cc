// SPDX-License-Identifier: Apache-2.0
// Datagrams as released versions of the wire format sent them, in tests/gossip/recorded. A file
// there is never changed: nodes that speak so are out there.
//
// If the last check of the first test fails, this node no longer says a thing as version 1 does. If
// a field was appended, let its file become an older one (`current` is false, the new field has its
// default) and record the new form beside it. Anything else needs a step of kWireVersion, recorded
// in files of its own, with those of version 1 still understood.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>

#include "gossip/codec.h"

namespace sf::gossip {
namespace {

const NodeId kFrom("n1");
constexpr BootId kBoot = 0x6564'5a00'1234'5678;

struct Recorded {
  std::string file;
  Part part;
  bool current = true;  ///< it is how we say it, not only how somebody did
};

std::vector<Recorded> Version1() {
  const Address address = {.ip = 0x0a000002, .port = 13002};
  const Statement alive = {NodeId("n2"), address, kBoot + 1, 0, MemberState::kAlive};
  const Statement suspect = {NodeId("n2"),
                             address,
                             kBoot + 1,
                             300,
                             MemberState::kSuspect,
                             {{NodeId("n1"), Evidence::kSilent},
                              {NodeId("n3"), Evidence::kFrozen},
                              {NodeId("n4"), Evidence::kGone}}};
  const Statement left = {NodeId("n3"), address, 7, 1, MemberState::kLeft};
  const Item item = {.key = 70000, .version = 9, .payload = std::string("a\0\xff", 3)};
  const Item taken_back = {.key = 5, .version = 10, .payload = ""};
  return {{"1_ping", Ping{7, 0xfedcba9876543210, 86'400'000}},
          {"1_ack", Ack{0xffffffff, 256, 5}},
          {"1_ping_req", PingReq{8, NodeId("n2"), address, 200}},
          {"1_vouch", Vouch{8, true}},
          {"1_tell_alive", Tell{alive, NodeId("n2")}},
          {"1_tell_suspect", Tell{suspect, kFrom}},
          {"1_tell_left", Tell{left, NodeId("n3")}},
          {"1_announced", Announced{NodeId("n2"), kBoot + 1, item, kFrom}},
          {"1_heard", Heard{0xdeadbeef, false}},
          {"1_buckets", Buckets{{1, 0xffffffff, 0, 0x01020304}}},
          {"1_entries", Entries{64, {0, 63}, {{suspect, 4}, {left, 0}}}},
          {"1_want", Want{NodeId("n2"), kBoot + 1, 3}},
          {"1_delta", Delta{NodeId("n2"), kBoot + 1, 3, 10, {item, taken_back}}},
          {"1_nudge", Nudge{}}};
}

/// The bytes in a file: hexadecimal digits in any layout; a line that begins with # is a comment.
std::string Read(const std::string& name) {
  std::ifstream file(std::filesystem::path(SF_RECORDED) / (name + ".txt"));
  REQUIRE(file);
  std::string bytes;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::erase(line, ' ');
    REQUIRE(line.size() % 2 == 0);
    for (std::size_t i = 0; i < line.size(); i += 2) {
      bytes += static_cast<char>(std::stoi(line.substr(i, 2), nullptr, 16));
    }
  }
  return bytes;
}

std::string Packed(std::span<const std::string> parts) {
  const auto datagrams = Assemble(kFrom, kBoot, parts, 1200);
  REQUIRE(datagrams.size() == 1);
  return datagrams.front();
}

TEST_CASE("Codec: what version 1 said is understood, and said so to this day") {
  std::set<std::size_t> kinds;
  for (const Recorded& recorded : Version1()) {
    CAPTURE(recorded.file);
    const std::string bytes = Read(recorded.file);
    const auto packet = Decode(bytes);
    REQUIRE(packet);
    CHECK(packet->from == kFrom);
    CHECK(packet->boot == kBoot);
    CHECK(packet->parts == std::vector<Part>{recorded.part});
    kinds.insert(recorded.part.index());
    const std::string encoded = EncodePart(recorded.part);
    if (recorded.current) CHECK(Packed({&encoded, 1}) == bytes);
  }
  CHECK(kinds.size() == std::variant_size_v<Part>);  // A new kind is recorded with its release.
}

TEST_CASE("Codec: nothing recorded is forgotten") {
  std::set<std::string> expected = {"newer_nested"};
  for (const Recorded& recorded : Version1()) expected.insert(recorded.file);
  std::set<std::string> found;
  for (const auto& file : std::filesystem::directory_iterator(SF_RECORDED)) {
    found.insert(file.path().stem().string());
  }
  CHECK(found == expected);
}

// What may be appended: see codec.h.
const std::vector<std::string> kNewFields = {
    "\xc0",                                                  // nil
    "\xc2",                                                  // false
    "\xff",                                                  // -1
    std::string("\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", 9),  // 1.0
    "\xd9\x40" + std::string(kMaxName, 'x'),                 // a string
    std::string("\xc4\x02\x00\xff", 4),                      // bytes
    std::string("\x92\x01\x93\x02\xa1y\x91\xc0", 8),         // lists in a list
};

TEST_CASE("Codec: fields that a newer node appends to any part are skipped") {
  for (const Recorded& recorded : Version1()) {
    for (std::size_t count = 1; count <= kNewFields.size(); ++count) {
      CAPTURE(recorded.file, count);
      std::string part = EncodePart(recorded.part);
      REQUIRE((part[0] & 0xf0) == 0x90);  // an array of up to 15: its length is in its first byte
      part[0] = static_cast<char>(part[0] + count);
      for (std::size_t i = 0; i < count; ++i) part += kNewFields[i];
      const std::string vouch = EncodePart(Vouch{3, true});
      const std::vector<std::string> parts = {part, vouch};
      const auto packet = Decode(Packed(parts));
      REQUIRE(packet);
      CHECK(packet->parts == std::vector<Part>{recorded.part, Vouch{3, true}});
    }
  }
}

TEST_CASE("Codec: so are those that it appends to what is inside of a part") {
  const auto packet = Decode(Read("newer_nested"));
  REQUIRE(packet);
  const Statement suspect = {NodeId("n2"),          {.ip = 0x0a000002, .port = 13002}, 77, 3,
                             MemberState::kSuspect, {{kFrom, Evidence::kSilent}}};
  CHECK(packet->parts == std::vector<Part>{Entries{4, {1}, {{suspect, 9}}},
                                           Delta{NodeId("n2"), 77, 0, 9, {{5, 9, "x"}}}});
}

TEST_CASE("Codec: parts of kinds that only a newer node knows are skipped") {
  const std::string ping = EncodePart(Ping{1, 2, 3});
  for (const int kind : {0, 13, 99, 255}) {
    for (const std::string& field : kNewFields) {
      CAPTURE(kind);
      const std::string number = {'\xcc', static_cast<char>(kind)};
      const std::vector<std::string> parts = {"\x93" + number + field + field, ping};
      const auto packet = Decode(Packed(parts));
      REQUIRE(packet);
      CHECK(packet->parts == std::vector<Part>{Ping{1, 2, 3}});
    }
  }
}

TEST_CASE("Codec: a packet of a newer version is skipped as a whole") {
  for (const Recorded& recorded : Version1()) {
    std::string bytes = Read(recorded.file);
    for (const int version : {0, 2, 127}) {
      bytes[1] = static_cast<char>(version);
      CHECK_FALSE(Decode(bytes));
    }
  }
}

}  // namespace
}  // namespace sf::gossip
