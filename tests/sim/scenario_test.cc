// SPDX-License-Identifier: Apache-2.0
// SF_SIM_RECORD=1 writes the transcripts anew; read the difference before committing it.
#include "tests/sim/scenario.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <vector>

namespace sf::sim {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> Scenarios() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(SF_SIM_SCENARIOS)) found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

TEST_CASE("Scenario: each plays back to the transcript that it holds", "[sim]") {
  for (const fs::path& path : Scenarios()) {
    CAPTURE(path.filename().string());
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    const std::string played = PlayScenario(text.str());
    if (std::getenv("SF_SIM_RECORD") != nullptr) {
      std::ofstream(path) << played;
    } else {
      CHECK(played == text.str());
    }
  }
}

}  // namespace
}  // namespace sf::sim
