// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sf::gossip {

/// SplitMix64 (Steele, Lea, Flood 2014): scatters a number over all 64 bits.
constexpr std::uint64_t Mix(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

/// The same on every node and every machine, unlike std::hash. Not for strangers' strings: names
/// that reach it have been authenticated.
constexpr std::uint64_t Hash(std::string_view text) {
  std::uint64_t hash = text.size();
  for (const char c : text) hash = Mix(hash ^ static_cast<unsigned char>(c));
  return hash;
}

/// Chance as an argument: the same seed gives the same numbers, everywhere and for ever, which the
/// distributions of <random> do not promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t Next() { return Mix(state_++); }
  /// Of [0, limit); 0 if limit is 0. The bias is below 2^-32 for the limits used here.
  std::size_t Below(std::size_t limit) { return limit == 0 ? 0 : Next() % limit; }
  /// Of [0, 1).
  double Unit() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  std::uint64_t state_;
};

}  // namespace sf::gossip
