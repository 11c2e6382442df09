// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/packet_network.h"

namespace sf::sim {

void PacketNetwork::Cut(const Address& a, const Address& b) {
  CutOneWay(a, b);
  CutOneWay(b, a);
}

void PacketNetwork::HealAll() {
  cut_.clear();
  hosts_.clear();
}

const Conditions& PacketNetwork::Of(const Address& from, const Address& to) const {
  if (hosts_.empty()) return all_;
  if (const auto host = hosts_.find(from); host != hosts_.end()) return host->second;
  const auto host = hosts_.find(to);
  return host != hosts_.end() ? host->second : all_;
}

std::vector<Duration> PacketNetwork::Send(const Address& from, const Address& to) {
  if (!Connected(from, to)) return {};
  const Conditions& met = Of(from, to);
  if (random_.Unit() < met.loss) return {};
  const auto delay = [&] {
    const auto spread = static_cast<std::size_t>((met.delay_max - met.delay_min).count());
    return met.delay_min + Duration(random_.Below(spread + 1));
  };
  std::vector<Duration> arrivals = {delay()};
  if (random_.Unit() < met.duplicate) arrivals.push_back(delay());
  return arrivals;
}

}  // namespace sf::sim
