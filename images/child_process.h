// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <stop_token>
#include <string>
#include <vector>

#include "node/base/result.h"

namespace sf::images {

/// What a child may use; past any of it, it is killed.
struct ChildLimits {
  std::chrono::seconds deadline{30};
  std::uint64_t address_space = std::uint64_t{1} << 30;
  std::size_t output = 1 << 20;
};

/// Runs `command` (found on a fixed PATH, no shell, an empty environment, no input) to its end and
/// returns its standard output. A failure carries the end of its standard error. When this returns,
/// the child is gone. Thread: worker (blocks); any number at once.
Result<std::string> RunChild(const std::vector<std::string>& command, const ChildLimits& limits,
                             const std::stop_token& stop = {});

}  // namespace sf::images
