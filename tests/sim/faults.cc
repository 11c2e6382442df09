// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/faults.h"

#include <algorithm>
#include <numeric>

namespace sf::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

constexpr std::size_t kSeeds = 3;

}  // namespace

Faults::Faults(Simulator& sim, std::uint64_t seed, Duration pace, Reach reach)
    : sim_(sim), random_(seed), pace_(pace) {
  const auto draw = [this](const std::vector<void (Faults::*)()>& strikes) {
    for (const auto strike : strikes) {
      kinds_.push_back({strike, random_.Below(2) == 0 ? 0 : random_.Unit()});
    }
  };
  draw({&Faults::SlowNode, &Faults::CutOneWay, &Faults::ChangeClocks, &Faults::PauseOne,
        &Faults::StopOne, &Faults::Leave, &Faults::Move, &Faults::NameTwice, &Faults::RotateKeys,
        &Faults::Replay});
  if (reach == Reach::kAll) {
    draw({&Faults::Weather, &Faults::Bursts, &Faults::Partition, &Faults::BridgedPartition,
          &Faults::RackPartition, &Faults::Swizzle, &Faults::JumpClocks, &Faults::PauseSome,
          &Faults::RollingRestart, &Faults::MassRestart, &Faults::MassKill, &Faults::Churn});
  }
  // Life goes on, and what is broken is mended now and then.
  kinds_.push_back({&Faults::Announce, 1});
  kinds_.push_back({&Faults::StartOne, 1});
  kinds_.push_back({&Faults::HealNetwork, 1});
  ChangeClocks();
}

void Faults::RunFor(Duration length) {
  const Duration end = sim_.now() + length;
  for (Duration next = sim_.now() + Upto(2 * pace_); sim_.now() < end;) {
    const Duration due = agenda_.empty() ? next : std::min(next, agenda_.begin()->first);
    sim_.RunFor(std::clamp(due, sim_.now(), end) - sim_.now());
    if (due > end) return;
    if (due == next) {
      Strike();
      next = sim_.now() + Upto(2 * pace_);
    } else {
      const auto act = std::move(agenda_.begin()->second);
      agenda_.erase(agenda_.begin());
      act();
    }
  }
}

void Faults::Strike() {
  double sum = 0;
  for (const Kind& kind : kinds_) sum += kind.weight;
  double drawn = sum * random_.Unit();
  for (const Kind& kind : kinds_) {
    drawn -= kind.weight;
    if (drawn < 0) return (this->*kind.strike)();
  }
}

void Faults::HealEverything() {
  agenda_.clear();
  FinishRotation();
  HealNetwork();
  for (std::size_t node = 0; node < sim_.size(); ++node) {
    if (sim_.IsRunning(node) && HasLeft(node)) sim_.Kill(node);
  }
  for (std::size_t node = 0; node < sim_.size(); ++node) Start(node);
  for (std::size_t node = 0; node < sim_.size(); ++node) {
    // They wake up by themselves.
    if (sim_.IsPaused(node)) {
      sim_.RunUntil(minutes(5), [this, node] { return !sim_.IsPaused(node); });
    }
  }
  GreetIfAllSeedsMoved();
}

/// Names given twice may have left nobody where everyone looks first. A daemon reads in the
/// database where the others are, and greets them (election.h).
void Faults::GreetIfAllSeedsMoved() {
  const auto nobody_at = [this](std::size_t seed) { return !sim_.IsRunning(seed); };
  std::vector<std::size_t> seeds(std::min(kSeeds, sim_.size()));
  std::iota(seeds.begin(), seeds.end(), 0);
  if (!std::ranges::all_of(seeds, nobody_at)) return;
  const Address& found = sim_.AddressOf(*sim_.IndexOf(sim_.NameOf(0)));
  for (std::size_t node = 0; node < sim_.size(); ++node) {
    if (sim_.IsRunning(node) && sim_.AddressOf(node) != found) sim_.Greet(node, found);
  }
}

void Faults::After(Duration delay, std::function<void()> act) {
  agenda_.emplace(sim_.now() + delay, std::move(act));
}

Duration Faults::Upto(Duration limit) {
  return Duration(random_.Below(static_cast<std::size_t>(limit.count()) + 1));
}

std::vector<std::size_t> Faults::AnyNodes(std::size_t count) {
  std::vector<std::size_t> nodes(sim_.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) nodes[i] = i;
  for (std::size_t i = 0; i + 1 < nodes.size(); ++i) {
    std::swap(nodes[i], nodes[i + random_.Below(nodes.size() - i)]);
  }
  nodes.resize(std::min(count, nodes.size()));
  return nodes;
}

/// How many nodes a share between these is, at least one.
std::size_t Faults::Share(double from, double to) {
  const double share = from + (to - from) * random_.Unit();
  return std::max<std::size_t>(1,
                               static_cast<std::size_t>(share * static_cast<double>(sim_.size())));
}

// ---- the network ----------------------------------------------------------------------------

void Faults::Weather() {
  const double loss = random_.Below(3) == 0 ? 0 : 0.5 * random_.Unit();
  const Duration spread = microseconds(200 + random_.Below(100) * random_.Below(20000));
  sim_.network().SetAll({.loss = loss, .duplicate = 0.1 * random_.Unit(), .delay_max = spread});
}

void Faults::Bursts() {
  sim_.network().SetAll({.loss = 0.02 * random_.Unit(),
                         .burst = 0.1 * random_.Unit(),
                         .burst_end = 0.1 + 0.4 * random_.Unit()});
}

void Faults::SlowNode() {  // Lifeguard's case.
  const Duration slow = milliseconds(50) + Upto(milliseconds(random_.Below(4950)));
  sim_.network().SetHost(sim_.AddressOf(AnyNode()), {.delay_min = slow / 2, .delay_max = slow});
}

void Faults::CutOneWay() {
  for (std::size_t links = 1 + random_.Below(sim_.size()); links > 0; --links) {
    sim_.network().CutOneWay(sim_.AddressOf(AnyNode()), sim_.AddressOf(AnyNode()));
  }
}

std::map<Address, std::size_t> Faults::TwoSides() {
  std::map<Address, std::size_t> sides;
  for (std::size_t i = 0; i < sim_.size(); ++i) sides[sim_.AddressOf(i)] = random_.Below(2);
  return sides;
}

void Faults::Partition() { sim_.network().Split(TwoSides()); }

void Faults::BridgedPartition() {
  std::map<Address, std::size_t> sides = TwoSides();
  sides.erase(sim_.AddressOf(AnyNode()));
  sim_.network().Split(std::move(sides));
}

void Faults::RackPartition() {
  const std::size_t racks = 2 + random_.Below(4);
  const bool one_only = random_.Below(2) == 0;  // The others see each other.
  std::map<Address, std::size_t> sides;
  for (std::size_t i = 0; i < sim_.size(); ++i) {
    const std::size_t rack = i % racks;
    sides[sim_.AddressOf(i)] = one_only ? std::min<std::size_t>(rack, 1) : rack;
  }
  sim_.network().Split(std::move(sides));
}

// FoundationDB's: stop the network at a random set one by one, and give it back in another order.
void Faults::Swizzle() {
  for (const std::size_t node : AnyNodes(1 + random_.Below(sim_.size()))) {
    const Address host = sim_.AddressOf(node);
    const Duration clogged = Upto(seconds(8));
    After(clogged, [this, host] { sim_.network().SetHost(host, {.loss = 1}); });
    After(clogged + Upto(seconds(8)), [this, host] { sim_.network().ClearHost(host); });
  }
}

void Faults::HealNetwork() {
  sim_.network().HealAll();
  sim_.network().SetAll({});
}

// ---- clocks and processes -------------------------------------------------------------------

void Faults::ChangeClocks() {
  for (std::size_t node = 0; node < sim_.size(); ++node) {
    sim_.SetClockRate(node, 0.95 + 0.1 * random_.Unit());
  }
}

void Faults::JumpClocks() {
  for (const std::size_t node : AnyNodes(1 + random_.Below(3))) {
    sim_.JumpClock(node, Upto(milliseconds(random_.Below(4) == 0 ? 3'600'000 : 5000)));
  }
}

void Faults::PauseOne() { sim_.Pause(AnyNode(), milliseconds(100) + Upto(seconds(30))); }

void Faults::PauseSome() {
  const double share = random_.Below(2) == 0 ? 0.1 : 0.3;
  const Duration length = milliseconds(100) + Upto(seconds(random_.Below(2) == 0 ? 30 : 3));
  for (const std::size_t node : AnyNodes(Share(share, share))) sim_.Pause(node, length);
}

void Faults::Stop(std::size_t node) {
  if (sim_.IsRunning(node)) random_.Below(2) == 0 ? sim_.Kill(node) : sim_.Crash(node);
}

/// A node whose name another one has by now is not started: it would only be refused. One that has
/// said goodbye starts anew.
void Faults::Start(std::size_t node) {
  const std::size_t bearer = *sim_.IndexOf(sim_.NameOf(node));
  if (!sim_.IsRunning(bearer) || HasLeft(bearer)) sim_.Restart(bearer);
}

bool Faults::HasLeft(std::size_t node) const {
  return sim_.View(node).self().said.state == gossip::MemberState::kLeft;
}

void Faults::StopOne() { Stop(AnyNode()); }
void Faults::StartOne() { Start(AnyNode()); }

void Faults::RollingRestart() {
  const Duration apart = milliseconds(50) + Upto(seconds(20)) / static_cast<int>(sim_.size());
  for (std::size_t node = 0; node < sim_.size(); ++node) {
    After(apart * static_cast<int>(node), [this, node] {
      if (sim_.IsRunning(node)) sim_.Restart(node);
    });
  }
}

void Faults::MassRestart() {
  for (std::size_t node = 0; node < sim_.size(); ++node) {
    if (sim_.IsRunning(node)) sim_.Kill(node);
  }
  for (std::size_t node = 0; node < sim_.size(); ++node) Start(node);
}

void Faults::MassKill() {
  for (const std::size_t node : AnyNodes(Share(0.2, 0.5))) Stop(node);
}

void Faults::Churn() {
  const std::size_t changes = Share(0.01, 0.10);  // in the next minute
  for (const std::size_t node : AnyNodes(changes)) {
    const Duration when = Upto(minutes(1));
    After(when, [this, node] { Stop(node); });
    After(when + Upto(seconds(10)), [this, node] { Start(node); });
  }
}

void Faults::Leave() {
  const std::size_t node = AnyNode();
  if (!sim_.IsRunning(node) || sim_.IsPaused(node)) return;
  sim_.Leave(node);
  After(seconds(1), [this, node] { sim_.Kill(node); });
  After(seconds(1) + Upto(seconds(10)), [this, node] { Start(node); });
}

// Not a seed: those who were alone could never find it again.
void Faults::Move() {
  const std::size_t node = AnyNode();
  if (node >= kSeeds) sim_.RestartAt(node, {.ip = next_host_++, .port = 13002});
}

void Faults::NameTwice() {
  sim_.StartAs(sim_.NameOf(AnyNode()).value, {.ip = next_host_++, .port = 13002});
}

// ---- what is said, and who listens ----------------------------------------------------------

void Faults::Announce() {
  const std::size_t node = AnyNode();
  if (!sim_.IsRunning(node) || sim_.IsPaused(node)) return;
  sim_.Announce(node, static_cast<std::uint32_t>(random_.Below(4)),
                std::string(random_.Below(200), 'a'));
}

// As seal.h says: added everywhere, then first everywhere, then the old one removed everywhere.
void Faults::RotateKeys() {
  const std::vector<gossip::Seal::Key> old = sim_.KeysOf(0);
  if (old.empty() || rotating_) return;
  rotating_ = true;
  for (std::uint8_t& byte : fresh_) byte = static_cast<std::uint8_t>(random_.Next());
  const std::vector<std::vector<gossip::Seal::Key>> steps = {
      {old[0], fresh_}, {fresh_, old[0]}, {fresh_}};
  for (std::size_t step = 0; step < steps.size(); ++step) {
    for (std::size_t node = 0; node < sim_.size(); ++node) {
      After(seconds(3) * static_cast<int>(step) + Upto(milliseconds(2999)),
            [this, node, keys = steps[step]] { sim_.SetKeys(node, keys); });
    }
  }
  After(seconds(9), [this] { FinishRotation(); });
}

void Faults::FinishRotation() {
  if (!rotating_) return;
  for (std::size_t node = 0; node < sim_.size(); ++node) sim_.SetKeys(node, {fresh_});
  rotating_ = false;
}

void Faults::Replay() {
  for (std::size_t times = random_.Below(50); times > 0; --times) {
    After(Upto(seconds(5)), [this] { sim_.Replay(); });
  }
}

}  // namespace sf::sim
