// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gossip/random.h"
#include "tests/sim/simulator.h"

namespace sf::sim {

/// Trouble of every kind. A seed draws how often each kind comes, half of them never, so that some
/// runs are ruled by one and others mix all.
class Faults {
 public:
  enum class Reach : std::uint8_t {
    kAll,
    kFew,  ///< What strikes a few nodes at a time: half of a thousand would cost minutes.
  };

  /// `pace` is how often on average something happens.
  Faults(Simulator& sim, std::uint64_t seed, Duration pace = std::chrono::seconds(2),
         Reach reach = Reach::kAll);

  void RunFor(Duration length);
  /// The network is well, every host is up, every process runs and is awake.
  void HealEverything();

 private:
  struct Kind {
    void (Faults::*strike)();
    double weight;
  };

  void Strike();
  void After(Duration delay, std::function<void()> act);
  Duration Upto(Duration limit);
  std::size_t AnyNode() { return random_.Below(sim_.size()); }
  std::vector<std::size_t> AnyNodes(std::size_t count);
  std::size_t Share(double from, double to);

  // The network.
  void Weather();
  void Bursts();
  void SlowNode();
  void CutOneWay();
  void Partition();
  void BridgedPartition();
  void RackPartition();
  void Swizzle();
  void HealNetwork();
  // Clocks and processes.
  void ChangeClocks();
  void JumpClocks();
  void PauseOne();
  void PauseSome();
  void StopOne();
  void StartOne();
  void RollingRestart();
  void MassRestart();
  void MassKill();
  void Churn();
  void Leave();
  void Move();
  void NameTwice();
  // What is said, and who listens.
  void Announce();
  void RotateKeys();
  void FinishRotation();
  void Replay();

  std::map<Address, std::size_t> TwoSides();
  void Stop(std::size_t node);
  void Start(std::size_t node);
  bool HasLeft(std::size_t node) const;
  void GreetIfAllSeedsMoved();

  Simulator& sim_;
  gossip::Random random_;
  const Duration pace_;
  std::vector<Kind> kinds_;
  std::multimap<Duration, std::function<void()>> agenda_;  // what a fault still has to do, and when
  std::uint32_t next_host_ = 0x0a020000;
  bool rotating_ = false;
  gossip::Seal::Key fresh_ = {};
};

}  // namespace sf::sim
