// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gossip/random.h"
#include "tests/sim/simulator.h"

namespace sf::sim {

/// Trouble of every kind, drawn from a seed: each call does at most one thing to the cluster.
class Faults {
 public:
  Faults(Simulator& sim, std::uint64_t seed);

  void Strike();
  /// The network is well, every host is up, every process runs.
  void HealEverything();

 private:
  std::size_t AnyNode() { return random_.Below(sim_.size()); }
  void Weather();
  void Partition();
  void CutOneWay();
  void PauseSome();
  void Stop(std::size_t node);

  Simulator& sim_;
  gossip::Random random_;
};

}  // namespace sf::sim
