// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/packet_network.h"

namespace sf::sim {

void PacketNetwork::Cut(const Address& a, const Address& b) {
  CutOneWay(a, b);
  CutOneWay(b, a);
}

void PacketNetwork::HealAll() {
  cut_.clear();
  sides_.clear();
  hosts_.clear();
  bursting_.clear();
}

bool PacketNetwork::Connected(const Address& from, const Address& to) const {
  if (!sides_.empty()) {
    const auto here = sides_.find(from);
    const auto there = sides_.find(to);
    const bool both = here != sides_.end() && there != sides_.end();
    if (both && here->second != there->second) return false;
  }
  return cut_.empty() || !cut_.contains({from, to});
}

const Conditions& PacketNetwork::Of(const Address& from, const Address& to) const {
  if (hosts_.empty()) return all_;
  if (const auto host = hosts_.find(from); host != hosts_.end()) return host->second;
  const auto host = hosts_.find(to);
  return host != hosts_.end() ? host->second : all_;
}

bool PacketNetwork::LostInBurst(const Conditions& met, const Link& link) {
  if (met.burst == 0) return false;
  const bool was = bursting_.contains(link);
  const bool is = random_.Unit() < met.burst ? true : was && random_.Unit() >= met.burst_end;
  if (is && !was) bursting_.insert(link);
  if (was && !is) bursting_.erase(link);
  return is;
}

std::vector<Duration> PacketNetwork::Send(const Address& from, const Address& to) {
  if (!Connected(from, to)) return {};
  const Conditions& met = Of(from, to);
  if (LostInBurst(met, {from, to})) return {};
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
