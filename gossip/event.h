// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "gossip/member.h"

namespace sf::gossip {

/// Something that changed in one node's view, told once, after the view shows it.
struct Event {
  enum class Kind : std::uint8_t {
    kJoined,     ///< Not known before, or gone before.
    kRestarted,  ///< The same name in a new life: what it had announced is void.
    kSuspected,
    kUnreachable,
    kDead,
    kLeft,
    kRecovered,  ///< Alive again by its own word, after a suspicion or worse.
    kUpdated,    ///< In the same state: a higher incarnation, a new address, one more witness.
    kForgotten,  ///< Gone for so long that nobody needs to remember it.
    kAnnounced,  ///< `item` is new.
    kNudged,     ///< `said` asks this node to look at the rows again.
    kRefuted,    ///< This node was accused and has answered. `said` is its answer.
    kNameTaken,  ///< Another live node has this one's name: `said` tells which. Terminal.
  };

  Kind kind;
  Statement said;
  Item item = {};
};

}  // namespace sf::gossip
