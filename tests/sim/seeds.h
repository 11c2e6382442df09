// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace sf::sim {

inline std::uint64_t FromEnvironment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Runs `test` on every seed that is asked for; one that fails says how to run it alone.
template <class Test>
void OnEverySeed(std::uint64_t seeds, const Test& test) {
  const std::uint64_t only = FromEnvironment("SF_SIM_SEED", 0);
  const std::uint64_t last = FromEnvironment("SF_SIM_SEEDS", seeds);
  const std::string name = Catch::getResultCapture().getCurrentTestName();
  for (std::uint64_t seed = 1; seed <= last; ++seed) {
    if (only != 0 && seed != only) continue;
    INFO("replay: SF_SIM_SEED=" << seed << " sim_tests '" << name << "'");
    test(seed);
  }
}

}  // namespace sf::sim
