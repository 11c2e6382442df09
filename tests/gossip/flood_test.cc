// SPDX-License-Identifier: Apache-2.0
// A million datagrams that nobody meant well: what they leave behind, and what they cost.
#include <malloc.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>
#include <utility>

#include "gossip/codec.h"
#include "gossip/gossip.h"
#include "gossip/seal.h"

namespace sf::gossip {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kShare = 20;  // of all; memory is not counted then
#else
constexpr int kShare = 1;
#endif
constexpr int kSealed = 800'000 / kShare;
constexpr int kOpen = 200'000 / kShare;
constexpr std::size_t kLimit = 1200;

std::size_t MemoryInUse() { return mallinfo2().uordblks; }

std::string RandomBytes(Random& random, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t i = 0; i < size; i += 8) {
    const std::uint64_t number = random.Next();
    std::copy_n(reinterpret_cast<const char*>(&number), std::min<std::size_t>(8, size - i),
                bytes.data() + i);
  }
  return bytes;
}

std::string Mutated(Random& random, std::string bytes) {
  for (std::size_t changes = 1 + random.Below(3); changes > 0; --changes) {
    bytes[random.Below(bytes.size())] ^= static_cast<char>(1 + random.Below(255));
  }
  if (random.Below(8) == 0) bytes.resize(random.Below(bytes.size()));
  return bytes;
}

/// Says what one cost. Nothing is asserted of time, which belongs to the machine.
void TellCost(const char* what, int count, std::clock_t began) {
  const double spent = static_cast<double>(std::clock() - began) / CLOCKS_PER_SEC;
  WARN(what << ": " << spent / count * 1e9 << " ns of CPU each");
}

TEST_CASE("Flood: what a stranger sends is counted and leaves nothing behind") {
  Random random(1);
  Seal alice({Seal::Key{1}}, 1, kLimit);
  Seal bob({Seal::Key{2}, Seal::Key{1}}, 2, kLimit);
  std::vector<std::string> genuine;
  for (std::size_t size : {0, 40, 200, 1200})
    genuine.push_back(alice.Close(std::string(size, 'x')));
  for (const std::string& sealed : genuine) REQUIRE(bob.Open(sealed).drop == Drop::kNone);

  std::uint64_t refused = 0;
  const auto flood = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const std::string& copied = genuine[random.Below(genuine.size())];
      switch (random.Below(4)) {
        case 0: refused += bob.Open(copied).drop == Drop::kReplayed; break;
        case 1: refused += bob.Open(Mutated(random, copied)).drop != Drop::kNone; break;
        default: refused += bob.Open(RandomBytes(random, random.Below(400))).drop != Drop::kNone;
      }
    }
  };
  flood(kSealed / 10);
  const std::size_t before = MemoryInUse();
  const std::clock_t began = std::clock();
  flood(kSealed - kSealed / 10);
  CHECK(MemoryInUse() <= before + 1024);
  TellCost("a stranger's datagram", kSealed - kSealed / 10, began);
  CHECK(refused == kSealed);
  CHECK(bob.Dropped(Drop::kTruncated) + bob.Dropped(Drop::kWrongKey) +
            bob.Dropped(Drop::kReplayed) ==
        kSealed);
  CHECK(bob.Open(alice.Close("x")).drop == Drop::kNone);  // It still hears whom it should.
}

/// A node among twenty, of a cluster with small limits, so that a flood reaches them.
class Flooded {
 public:
  Flooded() {
    for (std::uint64_t i = 0; i < 20; ++i) {
      const NodeId name = Name(i);
      const Statement alive = {name, At(i), i, 1, MemberState::kAlive};
      Statement suspect = alive;
      suspect.state = MemberState::kSuspect;
      suspect.witnesses = {{Name(1), Evidence::kSilent}, {Name(2), Evidence::kGone}};
      const Item item = {static_cast<std::uint32_t>(i), i + 1, "payload"};
      const std::vector<Part> said = {Ping{1, i, i},
                                      Ack{1, i, i},
                                      PingReq{1, name, At(i), 200},
                                      Vouch{1, true},
                                      Tell{alive, name},
                                      Tell{suspect, name},
                                      Announced{name, i, item, name},
                                      Heard{7, false},
                                      Buckets{{1, 2, 3, 4}},
                                      Entries{4, {0, 1, 2, 3}, {{alive, 0}}},
                                      Want{Name(0), 99, 0},
                                      Delta{name, i, 0, i + 1, {item}}};
      std::vector<std::string> parts;
      for (const Part& part : said) {
        parts.push_back(EncodePart(part));
        Note(name, i, {&parts.back(), 1});
      }
      Note(name, i, parts);
    }
  }

  void Take(int count) {
    for (int i = 0; i < count; ++i) {
      now_ += Duration(100);
      if (now_ >= gossip_.NextTick()) Count(gossip_.Tick(now_), ticked_);
      const std::string& good = well_formed_[random_.Below(well_formed_.size())];
      const std::string datagram = random_.Below(4) == 0
                                       ? RandomBytes(random_, 1 + random_.Below(400))
                                       : Mutated(random_, good);
      received_ += datagram.size();
      const std::size_t before = answered_;
      Count(gossip_.Receive(At(random_.Below(64)), datagram, now_), answered_);
      most_ = std::max(most_, answered_ - before);
      memory_ = std::max(memory_, MemoryInUse());
    }
  }

  const Gossip& gossip() const { return gossip_; }
  const Config& config() const { return config_; }
  std::size_t most() const { return most_; }  ///< bytes sent upon one datagram
  double amplification() const {
    return static_cast<double>(answered_) / static_cast<double>(received_);
  }
  std::size_t TakePeakMemory() { return std::exchange(memory_, 0); }

 private:
  static Config Limits() {
    Config config;
    config.max_members = 50;
    config.max_items = 20;
    config.max_rumours = 50;
    config.tombstone = seconds(5);
    config.max_answer = 4000;
    return config;
  }
  static NodeId Name(std::uint64_t i) { return NodeId("n" + std::to_string(i)); }
  static Address At(std::uint64_t i) {
    return {.ip = 0x0a000000u + static_cast<std::uint32_t>(i), .port = 13002};
  }
  void Note(const NodeId& from, BootId boot, std::span<const std::string> parts) {
    for (std::string& bytes : Assemble(from, boot, parts, kLimit)) {
      well_formed_.push_back(std::move(bytes));
    }
  }
  static void Count(const Output& output, std::size_t& bytes) {
    for (const Datagram& datagram : output.sends) bytes += datagram.bytes.size();
  }

  const Config config_ = Limits();
  Random random_{2};
  Time now_{std::chrono::hours(1)};
  std::vector<std::string> well_formed_;
  Gossip gossip_{config_, Name(0), At(0), 99, 1, now_};
  std::size_t received_ = 0;
  std::size_t answered_ = 0;
  std::size_t ticked_ = 0;
  std::size_t most_ = 0;
  std::size_t memory_ = 0;
};

// None of this can come from a stranger, the seal sees to that, but a node may be out of its mind.
TEST_CASE("Flood: what a member sends leaves a node within its limits, and is not multiplied") {
  Flooded node;
  node.Take(kOpen / 4);  // until all tables are full
  (void)node.TakePeakMemory();
  const std::clock_t began = std::clock();
  node.Take(kOpen / 4);
  const std::size_t before = node.TakePeakMemory();
  node.Take(kOpen / 2);
  const std::size_t after = node.TakePeakMemory();
  TellCost("a member's datagram", kOpen / 4 * 3, began);
  WARN(before << " and " << after << " bytes; " << node.most() << " bytes upon one datagram; "
              << node.amplification() << " times as many sent as received");
  CHECK(after <= before + before / 10);
  const Gossip& gossip = node.gossip();
  CHECK(gossip.self().said.state == MemberState::kAlive);
  CHECK(gossip.members().size() <= node.config().max_members);
  CHECK(gossip.rumours() <= node.config().max_rumours);
  CHECK(gossip.counters().malformed < gossip.counters().received);
  // One datagram: an answer of at most max_answer, and what was to be told to others anyway.
  CHECK(node.most() <= 2 * node.config().max_answer);
  CHECK(node.amplification() <= 2);
}

}  // namespace
}  // namespace sf::gossip
