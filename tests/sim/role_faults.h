// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "gossip/random.h"
#include "tests/sim/role_world.h"
#include "tests/sim/simulator.h"

namespace sf::sim {

/// Trouble of the kinds that matter to the role: who is cut off from whom, and from the row; who is
/// stopped, killed, or comes back with or without its disk. Often it is the holder whom it strikes.
class RoleFaults {
 public:
  RoleFaults(Simulator& sim, RoleWorld& roles, std::uint64_t seed)
      : sim_(sim), roles_(roles), random_(seed) {}

  void RunFor(Duration length);
  /// And the row answers to everybody.
  void HealEverything();

 private:
  void Strike();
  void Partition();
  void CutOff(std::size_t node);
  void HealNetwork();
  void StrikeNode(std::size_t node);
  void StrikeRow();
  void Start(std::size_t node);
  Duration Upto(Duration limit);
  std::size_t AnyNode();

  Simulator& sim_;
  RoleWorld& roles_;
  gossip::Random random_;
};

}  // namespace sf::sim
