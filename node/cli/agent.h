// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "node/cli/verb.h"

namespace sf::cli {

/// The verbs of an instance that have the agent in its guest do something: each asks for it, waits
/// until it is done, and fails if it was not.
std::vector<Verb> AgentVerbs();

}  // namespace sf::cli
