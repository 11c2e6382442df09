// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "node/base/id.h"

namespace sf {

/// Where a new instance may go, best first, and why. The order is advice: room is claimed in the
/// transaction that records the instance, and a node that is full by then is passed over.
struct Placement {
  struct Choice {
    NodeId node;
    std::string why;  ///< for people
  };
  std::vector<Choice> ranked;  ///< never empty
  nlohmann::json reasons;      ///< of all nodes, for programs: see README, "Placement"
};

/// An instance beside which another may or may not want to be.
struct Neighbour {
  NodeId node;
  std::vector<std::string> tags;
};

}  // namespace sf
