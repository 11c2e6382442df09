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
  /// Gilbert and Elliott's bursts: the chance for each datagram that its link falls into one, in
  /// which everything is lost, and then that it ends.
  double burst = 0;
  double burst_end = 1;
  bool operator==(const Conditions&) const = default;
};

/// Decides the fate of each datagram; carries none.
class PacketNetwork {
 public:
  explicit PacketNetwork(std::uint64_t seed) : random_(seed) {}

  void SetAll(const Conditions& conditions) { all_ = conditions; }
  /// Of everything that this host sends or gets, instead of the common conditions.
  void SetHost(const Address& host, const Conditions& conditions) { hosts_[host] = conditions; }
  void ClearHost(const Address& host) { hosts_.erase(host); }
  void CutOneWay(const Address& from, const Address& to) { cut_.insert({from, to}); }
  void Cut(const Address& a, const Address& b);
  /// Hosts on different sides hear nothing of each other; one that is on none hears everybody.
  void Split(std::map<Address, std::size_t> sides) { sides_ = std::move(sides); }
  void HealAll();

  bool Connected(const Address& from, const Address& to) const;
  /// After how long it arrives: not at all, once, or twice.
  std::vector<Duration> Send(const Address& from, const Address& to);

 private:
  using Link = std::pair<Address, Address>;

  const Conditions& Of(const Address& from, const Address& to) const;
  bool LostInBurst(const Conditions& met, const Link& link);

  gossip::Random random_;
  Conditions all_;
  std::map<Address, Conditions> hosts_;
  std::map<Address, std::size_t> sides_;
  std::set<Link> cut_;
  std::set<Link> bursting_;
};

}  // namespace sf::sim
