// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/role_faults.h"

namespace sf::sim {

using namespace std::chrono_literals;

void RoleFaults::RunFor(Duration length) {
  for (const Duration end = sim_.now() + length; sim_.now() < end;) {
    sim_.RunFor(std::min<Duration>(Upto(6s), end - sim_.now()));
    Strike();
  }
}

void RoleFaults::Strike() {
  switch (random_.Below(12)) {
    case 0: return Partition();
    case 1: return CutOff(AnyNode());
    case 2: return sim_.network().CutOneWay(sim_.AddressOf(AnyNode()), sim_.AddressOf(AnyNode()));
    case 3:
    case 4: return HealNetwork();
    case 5: return sim_.network().SetAll({.loss = 0.05 * random_.Unit()});
    case 6:
    case 7: return StrikeRow();
    case 8: return Start(AnyNode());
    default: return StrikeNode(AnyNode());
  }
}

void RoleFaults::HealEverything() {
  HealNetwork();
  sim_.network().SetAll({});
  roles_.row().SetAwayForAll(false);
  roles_.row().SetLatency(5ms);
  for (std::size_t node = 0; node < sim_.size(); ++node) {
    roles_.row().SetAway(node, false);
    roles_.SetCapable(node, true);
    Start(node);
  }
  // They wake up by themselves.
  for (std::size_t node = 0; node < sim_.size(); ++node) {
    while (sim_.IsPaused(node)) sim_.RunFor(100ms);
  }
}

void RoleFaults::Partition() {
  std::vector<std::size_t> side(sim_.size());
  for (std::size_t& s : side) s = random_.Below(2);
  for (std::size_t a = 0; a < side.size(); ++a) {
    for (std::size_t b = 0; b < a; ++b) {
      if (side[a] != side[b]) sim_.network().Cut(sim_.AddressOf(a), sim_.AddressOf(b));
    }
  }
}

void RoleFaults::CutOff(std::size_t node) {
  for (std::size_t other = 0; other < sim_.size(); ++other) {
    if (other != node) sim_.network().Cut(sim_.AddressOf(node), sim_.AddressOf(other));
  }
  if (random_.Below(2) == 0) roles_.row().SetAway(node, true);
}

void RoleFaults::HealNetwork() { sim_.network().HealAll(); }

void RoleFaults::StrikeNode(std::size_t node) {
  if (!sim_.IsRunning(node)) return Start(node);
  if (sim_.IsPaused(node)) return;
  switch (random_.Below(8)) {
    case 0: return sim_.Pause(node, Upto(20s));
    case 1: return sim_.Pause(node, Upto(6s));
    case 2: return sim_.Kill(node);
    case 3: return sim_.Crash(node);
    case 4:
      if (random_.Below(3) == 0) roles_.LoseDisk(node);
      return sim_.Restart(node);
    case 5: return roles_.Leave(node);
    case 6: return roles_.SetCapable(node, false);
    case 7: return sim_.JumpClock(node, Upto(10s));
  }
}

void RoleFaults::StrikeRow() {
  const bool away = random_.Below(2) == 0;
  switch (random_.Below(4)) {
    case 0: return roles_.row().SetAwayForAll(away);
    case 1: return roles_.row().SetLatency(Upto(3s));
    default: return roles_.row().SetAway(AnyNode(), away);
  }
}

void RoleFaults::Start(std::size_t node) {
  const bool left =
      sim_.IsRunning(node) && sim_.View(node).self().said.state == gossip::MemberState::kLeft;
  if (sim_.IsRunning(node) && !left) return roles_.SetCapable(node, true);
  if (random_.Below(3) == 0) roles_.LoseDisk(node);
  sim_.Restart(node);
}

Duration RoleFaults::Upto(Duration limit) {
  return Duration(random_.Below(static_cast<std::size_t>(limit.count()) + 1));
}

/// The holder, every other time.
std::size_t RoleFaults::AnyNode() {
  const auto holder = sim_.IndexOf(roles_.row().now().holder);
  return holder && random_.Below(2) == 0 ? *holder : random_.Below(sim_.size());
}

}  // namespace sf::sim
