// SPDX-License-Identifier: Apache-2.0
// Mixed faults on as many seeds as wanted, on all processors:
//
//   sim_seeds                     10000 seeds at 3 to 50 members, then 20 at 1000
//   sim_seeds --for SECONDS       until the time is up, from a seed that is the time of day
//   sim_seeds --seed N [MEMBERS]  that one; prints what is found and the hash of its transcript
//
// A failing seed is printed with the command that replays it; then it becomes a test with a name.
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "tests/sim/mix.h"

namespace sf::sim {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t kSeeds = 10000;
constexpr std::uint64_t kLargeSeeds = 20;
constexpr std::size_t kLarge = 1000;

/// What one process has done, as it tells its parent.
struct Tally {
  std::uint64_t seeds = 0;
  std::uint64_t failed = 0;
  double healed = 0;
  double wrong = 0;
  double traffic = 0;
};

MixResult RunOne(std::uint64_t seed, std::size_t members, Tally& tally) {
  const MixResult result = RunMix(seed, members);
  ++tally.seeds;
  tally.healed = std::max(tally.healed, result.healed);
  tally.wrong += result.wrong;
  tally.traffic = std::max(tally.traffic, result.traffic);
  if (result.violations.empty()) return result;
  ++tally.failed;
  std::string text = "FAILED: replay: sim_seeds --seed " + std::to_string(seed);
  if (members != 0) text += " " + std::to_string(members);
  for (const std::string& violation : result.violations) text += "\n    " + violation;
  std::printf("%s\n", text.c_str());
  std::fflush(stdout);
  return result;
}

/// Every `step`th seed from `first` on, until `last` or `end`.
Tally RunShare(std::uint64_t first, std::uint64_t last, std::uint64_t step, std::size_t members,
               Clock::time_point end) {
  Tally tally;
  for (std::uint64_t seed = first; seed <= last && Clock::now() < end; seed += step) {
    RunOne(seed, members, tally);
  }
  return tally;
}

/// A process for each processor: the simulator itself knows of no threads.
Tally RunAll(std::uint64_t first, std::uint64_t last, std::size_t members, Clock::time_point end) {
  const std::uint64_t processes = std::max(1u, std::thread::hardware_concurrency());
  int tallies[2];
  if (pipe(tallies) != 0) std::abort();
  std::fflush(stdout);
  for (std::uint64_t i = 0; i < processes; ++i) {
    if (fork() != 0) continue;
    const Tally tally = RunShare(first + i, last, processes, members, end);
    _exit(write(tallies[1], &tally, sizeof tally) == sizeof tally ? 0 : 1);
  }
  close(tallies[1]);
  Tally all;
  for (Tally one; read(tallies[0], &one, sizeof one) == sizeof one;) {
    all.seeds += one.seeds;
    all.failed += one.failed;
    all.wrong += one.wrong;
    all.healed = std::max(all.healed, one.healed);
    all.traffic = std::max(all.traffic, one.traffic);
  }
  close(tallies[0]);
  for (int status = 0; wait(&status) > 0;) {
    if (status == 0) continue;
    std::printf("FAILED: a process ended with status %d\n", status);
    ++all.failed;
  }
  return all;
}

bool Report(const char* what, const Tally& all, Clock::time_point began) {
  const std::chrono::duration<double> took = Clock::now() - began;
  std::printf(
      "%s: %llu seeds in %.0f s, %llu failed; healed in at most %.1f s; %.0f pair-seconds of wrong "
      "verdicts; at most %.0f %% of the traffic allowed\n",
      what, static_cast<unsigned long long>(all.seeds), took.count(),
      static_cast<unsigned long long>(all.failed), all.healed, all.wrong, 100 * all.traffic);
  return all.failed == 0;
}

int Main(int argc, char** argv) {
  const auto began = Clock::now();
  const auto number = [&](int i) { return i < argc ? std::strtoull(argv[i], nullptr, 10) : 0; };
  if (argc > 1 && std::strcmp(argv[1], "--seed") == 0) {
    Tally tally;
    const MixResult result = RunOne(number(2), number(3), tally);
    std::printf("%zu members, transcript %016llx\n", result.members,
                static_cast<unsigned long long>(result.hash));
    return Report("one seed", tally, began) ? 0 : 1;
  }
  if (argc > 1 && std::strcmp(argv[1], "--for") == 0) {
    const std::uint64_t first = static_cast<std::uint64_t>(std::time(nullptr)) * 1000000;
    const auto end = began + std::chrono::seconds(number(2));
    return Report("3 to 50 members", RunAll(first, ~0ull, 0, end), began) ? 0 : 1;
  }
  if (argc > 1) {
    std::printf("usage: sim_seeds [--for SECONDS | --seed N [MEMBERS]]\n");
    return std::strcmp(argv[1], "--help") == 0 ? 0 : 2;
  }
  const auto never = Clock::time_point::max();
  const bool small = Report("3 to 50 members", RunAll(1, kSeeds, 0, never), began);
  const auto half = Clock::now();
  const bool large = Report("1000 members", RunAll(1, kLargeSeeds, kLarge, never), half);
  return small && large ? 0 : 1;
}

}  // namespace
}  // namespace sf::sim

int main(int argc, char** argv) { return sf::sim::Main(argc, argv); }
