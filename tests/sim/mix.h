// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sf::sim {

/// What came of one run.
struct MixResult {
  std::vector<std::string> violations = {};  ///< empty is good
  double healed = 0;       ///< seconds until all agreed, from when the network was well again
  double wrong = 0;        ///< pair-seconds in which a running member was held to be gone
  double traffic = 0;      ///< the largest share of the limit on what a node may send
  std::uint64_t hash = 0;  ///< of the transcript
  std::size_t members = 0;
};

/// A cluster, faults of every kind, and then a network that is well, all drawn from the seed: no
/// invariant may break on the way, and in the end all must be well. 3 to 50 members, small ones
/// oftener, unless it is told how many.
MixResult RunMix(std::uint64_t seed, std::size_t members = 0);

}  // namespace sf::sim
