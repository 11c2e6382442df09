// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/faults.h"

#include <algorithm>

namespace sf::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;

Faults::Faults(Simulator& sim, std::uint64_t seed) : sim_(sim), random_(seed) {
  for (std::size_t node = 0; node < sim_.size(); ++node) {
    sim_.SetClockRate(node, 0.95 + 0.1 * random_.Unit());
  }
}

void Faults::Strike() {
  const std::size_t node = AnyNode();
  switch (random_.Below(9)) {
    case 0: return Weather();
    case 1: return Partition();
    case 2: return CutOneWay();
    case 3: return PauseSome();
    case 4: return Stop(node);
    case 5: return sim_.network().HealAll();
    case 6:  // One slow node: Lifeguard's case.
      return sim_.network().SetHost(
          sim_.AddressOf(node), {.delay_min = milliseconds(50), .delay_max = milliseconds(500)});
    default:
      if (!sim_.IsRunning(node)) {
        sim_.Restart(node);
      } else if (!sim_.IsPaused(node)) {
        sim_.Announce(node, static_cast<std::uint32_t>(random_.Below(4)),
                      std::string(1 + random_.Below(200), 'a'));
      }
  }
}

void Faults::Weather() {
  const double loss = random_.Below(3) == 0 ? 0 : 0.4 * random_.Unit();
  const Duration spread = microseconds(200 + random_.Below(100) * random_.Below(2000));
  sim_.network().SetAll({.loss = loss, .duplicate = 0.1 * random_.Unit(), .delay_max = spread});
}

void Faults::Partition() {
  std::vector<bool> side(sim_.size());
  for (std::size_t i = 0; i < side.size(); ++i) side[i] = random_.Below(2) == 0;
  for (std::size_t i = 0; i < side.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (side[i] != side[j]) sim_.network().Cut(sim_.AddressOf(i), sim_.AddressOf(j));
    }
  }
}

void Faults::CutOneWay() {
  for (std::size_t links = 1 + random_.Below(sim_.size()); links > 0; --links) {
    sim_.network().CutOneWay(sim_.AddressOf(AnyNode()), sim_.AddressOf(AnyNode()));
  }
}

void Faults::PauseSome() {
  const Duration length = milliseconds(100 + random_.Below(10) * random_.Below(2000));
  for (std::size_t left = 1 + random_.Below(sim_.size() / 3 + 1); left > 0; --left) {
    sim_.Pause(AnyNode(), length);
  }
}

void Faults::Stop(std::size_t node) {
  if (!sim_.IsRunning(node)) return;
  random_.Below(2) == 0 ? sim_.Kill(node) : sim_.Crash(node);
}

void Faults::HealEverything() {
  sim_.network().HealAll();
  sim_.network().SetAll({});
  for (std::size_t node = 0; node < sim_.size(); ++node) {
    if (!sim_.IsRunning(node)) sim_.Restart(node);
  }
}

}  // namespace sf::sim
