// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "gossip/member.h"
#include "gossip/random.h"

namespace sf::sim {

using gossip::Address;
using gossip::Duration;

/// What a datagram meets on its way.
struct Conditions {
  double loss = 0;
  double duplicate = 0;
  Duration delay_min = std::chrono::microseconds(100);
  Duration delay_max = std::chrono::microseconds(300);  ///< the spread reorders
  bool operator==(const Conditions&) const = default;
};

/// Decides the fate of each datagram; carries none.
class PacketNetwork {
 public:
  explicit PacketNetwork(std::uint64_t seed) : random_(seed) {}

  void SetAll(const Conditions& conditions) { all_ = conditions; }
  /// Of everything that this host sends or gets, instead of the common conditions.
  void SetHost(const Address& host, const Conditions& conditions) { hosts_[host] = conditions; }
  void CutOneWay(const Address& from, const Address& to) { cut_.insert({from, to}); }
  void Cut(const Address& a, const Address& b);
  void HealAll();

  bool Connected(const Address& from, const Address& to) const {
    return !cut_.contains({from, to});
  }
  /// After how long it arrives: not at all, once, or twice.
  std::vector<Duration> Send(const Address& from, const Address& to);

 private:
  const Conditions& Of(const Address& from, const Address& to) const;

  gossip::Random random_;
  Conditions all_;
  std::map<Address, Conditions> hosts_;
  std::set<std::pair<Address, Address>> cut_;
};

}  // namespace sf::sim
