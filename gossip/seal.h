// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/member.h"

namespace sf::gossip {

/// Why a datagram was not let in.
enum class Drop : std::uint8_t { kNone, kTruncated, kOversized, kWrongKey, kReplayed };
constexpr std::size_t kDropReasons = 5;

/// Makes datagrams secret and genuine under the cluster key: XChaCha20-Poly1305 by libsodium.
///
/// A sealed datagram is boot(8) counter(8) ciphertext tag(16). The sender's boot id and counter
/// are the nonce, which therefore never repeats under one key, and they are what tells a replay:
/// per boot id a counter is let in once, and only while fewer than kRemembered greater ones have
/// been. A sender counts for all its receivers together, so how far a counter lies behind says
/// nothing; how many overtook it does. A replay of a boot that has been forgotten here gets through
/// to the protocol, whose statements only ever move forward and so lose nothing by it.
///
/// Several keys make rotation possible without a stop: add the new key everywhere, then put it
/// first everywhere, then remove the old one. The first seals, any opens.
///
/// Thread: loop.
class Seal {
 public:
  static constexpr std::size_t kKeyBytes = 32;
  static constexpr std::size_t kOverhead = 32;
  using Key = std::array<std::uint8_t, kKeyBytes>;

  struct Opened {
    Drop drop = Drop::kNone;
    std::string text;  ///< empty if dropped
  };

  /// `boot` must never have been used with these keys before: 64 random bits.
  Seal(std::vector<Key> keys, BootId boot, std::size_t max_datagram);

  std::string Close(std::string_view text);
  Opened Open(std::string_view sealed);

  void SetKeys(std::vector<Key> keys);
  std::uint64_t Dropped(Drop reason) const { return dropped_[static_cast<std::size_t>(reason)]; }

 private:
  static constexpr std::size_t kRemembered = 16;
  static constexpr std::size_t kMaxSenders = 16384;

  /// The greatest counters of one boot that were let in. There is one for each member of a cluster.
  struct Window {
    std::uint64_t highest = 0;  ///< 0: nothing yet
    /// How far below it the others are, the nearest first; 0: no more.
    std::array<std::uint32_t, kRemembered - 1> below = {};
    std::uint64_t used = 0;  ///< when, in datagrams opened by us: for forgetting the stalest
  };

  Opened Refuse(Drop reason);
  bool Fresh(BootId boot, std::uint64_t counter);
  void ForgetStalest();

  std::vector<Key> keys_;
  const BootId boot_;
  const std::size_t max_sealed_;
  std::uint64_t counter_ = 0;
  std::uint64_t opened_ = 0;
  std::map<BootId, Window> windows_;
  std::array<std::uint64_t, kDropReasons> dropped_ = {};
};

}  // namespace sf::gossip
