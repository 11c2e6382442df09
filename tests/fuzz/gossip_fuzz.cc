// SPDX-License-Identifier: Apache-2.0
// A node in the hands of members that say anything at any time, in bytes of their own or in
// well-formed lies: it stays alive, within its limits, and never says what others could not read.
#include "gossip/gossip.h"

#include <algorithm>
#include <utility>

#include "gossip/codec.h"
#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {
namespace {

using namespace gossip;

constexpr int kMaxSteps = 64;
const NodeId kSelf("n0");

Config SmallConfig() {
  Config config;
  config.max_members = 6;
  config.max_items = 4;
  config.max_rumours = 8;
  return config;
}

/// Parts made of few names, boots and numbers, so that they are about each other.
class Liar {
 public:
  explicit Liar(Cutter& cut) : cut_(cut) {}

  NodeId Name() { return NodeId("n" + std::to_string(cut_.Byte() % 8)); }
  Address At() { return {.ip = 0x0a000000u + cut_.Byte() % 8, .port = 13002}; }
  BootId Boot() { return 1 + cut_.Byte() % 3; }
  /// Small, at the end of the range of its type, or any.
  std::uint64_t Number(std::size_t bytes = 8) {
    const std::uint8_t choice = cut_.Byte();
    if (choice < 128) return choice % 16;
    const std::uint64_t most = ~std::uint64_t{0} >> (64 - 8 * bytes);
    return choice < 192 ? most - choice % 4 : cut_.Number(bytes);
  }
  std::uint32_t Number32() { return static_cast<std::uint32_t>(Number(4)); }

  std::string Packet() {
    const NodeId from = Name();
    const BootId boot = Boot();
    std::vector<std::string> parts(1 + cut_.Byte() % 8);
    for (std::string& part : parts) part = EncodePart(Any());
    const auto datagrams = Assemble(from, boot, parts, SmallConfig().max_datagram);
    return datagrams.empty() ? std::string() : datagrams.front();
  }

 private:
  Item AnyItem() {
    return {Number32() % 8, Number(), std::string(cut_.Byte() % 4 == 0 ? 300 : 1, 'x')};
  }
  Statement Said() {
    constexpr MemberState kStates[] = {MemberState::kAlive, MemberState::kSuspect,
                                       MemberState::kLeft};
    Statement said = {Name(), At(), Boot(), Number(), kStates[cut_.Byte() % 3]};
    for (int i = cut_.Byte() % 4; i > 0; --i) {
      said.witnesses.push_back({Name(), static_cast<Evidence>(cut_.Byte() % 3)});
    }
    return said;
  }
  Entries Compared() {
    Entries entries;
    entries.buckets = 1u << cut_.Byte() % 9;
    for (int i = cut_.Byte() % 8; i > 0; --i) entries.covered.push_back(Number32());
    for (int i = cut_.Byte() % 4; i > 0; --i) entries.entries.push_back({Said(), Number()});
    return entries;
  }
  Delta Missed() {
    Delta delta = {Name(), Boot(), Number(), Number(), {}};
    for (int i = cut_.Byte() % 4; i > 0; --i) delta.items.push_back(AnyItem());
    return delta;
  }
  Part Any() {
    switch (cut_.Byte() % 11) {
      case 0: return Ping{Number32(), Number(), Number()};
      case 1: return Ack{Number32(), Number(), Number()};
      case 2: return PingReq{Number32(), Name(), At(), Number32()};
      case 3: return Vouch{Number32(), cut_.Flag()};
      case 4: return Tell{Said(), Name()};
      case 5: return Announced{Name(), Boot(), AnyItem(), Name()};
      case 6: return Heard{Number32(), cut_.Flag()};
      case 7:
        return Buckets{std::vector<std::uint32_t>(std::size_t{1} << cut_.Byte() % 9, Number32())};
      case 8: return Compared();
      case 9: return Want{Name(), Boot(), Number()};
      default: return Missed();
    }
  }

  Cutter& cut_;
};

/// The node, and what is promised of it after each step.
class Node {
 public:
  Node() : gossip_(config_, kSelf, {.ip = 0x0a000000, .port = 13002}, 2, 1, now_) {
    const Address seed = {.ip = 0x0a000001, .port = 13002};
    Check(gossip_.Join({&seed, 1}, now_));
  }

  void Step(Cutter& cut) {
    const std::uint8_t choice = cut.Byte();
    now_ += Duration(cut.Number(1 + choice / 64 % 3));  // up to 16 s
    Liar liar(cut);
    switch (choice % 8) {
      case 0:
      case 1: {
        const std::size_t size = cut.Number(2) % 2048;
        return Check(gossip_.Receive(liar.At(), cut.Take(size), now_));
      }
      case 2:
      case 3:
      case 4: {
        const Address from = liar.At();
        return Check(gossip_.Receive(from, liar.Packet(), now_));
      }
      case 5: return Check(gossip_.OnUnreachableEvidence(liar.Name(), now_));
      case 6: return Check(gossip_.Announce(liar.Number32() % 4, std::string(8, 'x'), now_));
      default:
        if (cut.Flag()) gossip_.OnKernelAnswers(liar.Name());
        if (gossip_.NextTick() != Time::max()) now_ = std::max(now_, gossip_.NextTick());
        return Check(gossip_.Tick(now_));
    }
  }

 private:
  void Check(const Output& output) {
    SF_CHECK(gossip_.self().said.name == kSelf);
    SF_CHECK(gossip_.self().said.state == MemberState::kAlive);
    SF_CHECK(gossip_.self().said.incarnation >= incarnation_);
    SF_CHECK(gossip_.NextTick() >= now_);
    SF_CHECK(gossip_.members().size() <= config_.max_members);
    SF_CHECK(gossip_.rumours() <= config_.max_rumours);
    for (const Member& member : gossip_.members()) {
      SF_CHECK(member.said.name == kSelf || member.items().size() <= config_.max_items);
      SF_CHECK(member.announced == nullptr || member.announced->beyond.size() <= 256);
      SF_CHECK(member.said.witnesses.size() <= kMaxWitnesses);
    }
    for (const Datagram& datagram : output.sends) {
      SF_CHECK(datagram.bytes.size() <= config_.max_datagram && Decode(datagram.bytes));
    }
    incarnation_ = gossip_.self().said.incarnation;
  }

  const Config config_ = SmallConfig();
  Time now_ = Time(std::chrono::hours(1));
  Incarnation incarnation_ = 0;
  Gossip gossip_;
};

}  // namespace

void Try(std::string_view input) {
  Cutter cut(input);
  Node node;
  for (int step = 0; step < kMaxSteps && !cut.empty(); ++step) node.Step(cut);
}

/// What a node hears in its first seconds from another, and a run of numbers for the liar.
std::vector<std::string> Seeds() {
  Time now(std::chrono::hours(1));
  const Address here = {.ip = 0x0a000000, .port = 13002};
  const Address there = {.ip = 0x0a000001, .port = 13002};
  Gossip self({}, kSelf, here, 2, 1, now);
  Gossip other({}, NodeId("n1"), there, 1, 2, now);
  std::string heard;
  std::vector<Datagram> to_self;
  const auto carry = [&](Output output) {
    for (Datagram& d : output.sends) to_self.push_back(std::move(d));
  };
  carry(other.Join({&here, 1}, now));
  for (int round = 0; round < 30 && heard.size() < 3000; ++round) {
    for (const Datagram& datagram : std::exchange(to_self, {})) {
      const std::size_t size = datagram.bytes.size();
      heard +=
          {'\x40', '\x03', '\xe8', '\x01', static_cast<char>(size >> 8), static_cast<char>(size)};
      heard += datagram.bytes;
      for (const Datagram& back : self.Receive(there, datagram.bytes, now).sends) {
        carry(other.Receive(here, back.bytes, now));
      }
    }
    now = std::max(now, std::min(self.NextTick(), other.NextTick()));
    if (round == 3) carry(other.Announce(7, "payload", now));
    for (const Datagram& back : self.Tick(now).sends) carry(other.Receive(here, back.bytes, now));
    carry(other.Tick(now));
  }
  std::string numbers;
  for (int i = 0; i < 512; ++i) numbers += static_cast<char>(Mix(static_cast<std::uint64_t>(i)));
  return {heard, numbers};
}

}  // namespace sf::fuzz
