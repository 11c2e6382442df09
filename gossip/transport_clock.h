// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "gossip/member.h"

namespace sf::gossip {

/// The transport's clock, which the core is told at each call.
inline Time Now() {
  return std::chrono::time_point_cast<Duration>(std::chrono::steady_clock::now());
}

}  // namespace sf::gossip
