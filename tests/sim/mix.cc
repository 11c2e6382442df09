// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/mix.h"

#include <algorithm>

#include "tests/sim/checkers.h"
#include "tests/sim/faults.h"
#include "tests/sim/wellbeing.h"

namespace sf::sim {
namespace {

using namespace std::chrono_literals;

/// How long until all nodes agree: a partition is noticed by chance, every 5 s by each node
/// (Config::reconnect), and whoever doubts itself is slower by up to 9 times.
constexpr Duration kHealed = 60s;

constexpr Duration kSettled = 5s;

gossip::Seal::Key KeyFrom(gossip::Random& random) {
  gossip::Seal::Key key;
  for (std::uint8_t& byte : key) byte = static_cast<std::uint8_t>(random.Next());
  return key;
}

bool Await(Simulator& sim, Duration at_most, const std::function<bool()>& done) {
  for (const Duration end = sim.now() + at_most; sim.now() < end; sim.RunFor(50ms)) {
    if (done()) return true;
  }
  return done();
}

}  // namespace

MixResult RunMix(std::uint64_t seed, std::size_t members) {
  gossip::Random random(seed);
  gossip::Config config;
  // In some runs the dead are forgotten while there is still trouble.
  if (random.Below(4) == 0) config.tombstone = 20s;
  Simulator sim(seed, config);
  if (random.Below(4) == 0) sim.SealWith({KeyFrom(random)});
  SafetyChecker safety(sim);
  TrafficChecker traffic(sim);
  WrongVerdicts wrong(sim);
  Transcript transcript(sim);
  for (Simulator::Observer* const observer :
       {static_cast<Simulator::Observer*>(&safety), static_cast<Simulator::Observer*>(&traffic),
        static_cast<Simulator::Observer*>(&wrong),
        static_cast<Simulator::Observer*>(&transcript)}) {
    sim.Observe(*observer);
  }
  const bool large = members != 0;
  if (!large) members = 3 + random.Below(1 + random.Below(1 + random.Below(48)));
  if (large) {
    sim.StartJoined(members);
    sim.network().SetAll({.loss = 0.05 * random.Unit()});
  } else {
    sim.Start(members, 5ms);
  }
  Faults faults(sim, random.Next(), 1s, large ? Faults::Reach::kFew : Faults::Reach::kAll);
  faults.RunFor(large ? 3s : 20s);
  MixResult result = {.members = members};
  const auto add = [&result](const std::vector<std::string>& found) {
    result.violations.insert(result.violations.end(), found.begin(), found.end());
  };
  add(OverdueGraves(sim));
  faults.HealEverything();
  const Duration began = sim.now();
  if (!Await(sim, kHealed, [&sim] { return sim.Agreed(); })) {
    result.violations.push_back("not agreed in time");
  }
  result.healed = static_cast<double>((sim.now() - began).count()) / 1e6;
  // The slowest datagrams from before arrive now, with old news that has to be answered.
  sim.RunFor(6s);
  if (!Await(sim, kSettled, [&sim] { return sim.Agreed(); })) {
    result.violations.push_back("did not go on to agree");
  }
  add(Unwell(sim));
  add(OverdueGraves(sim));
  add(safety.violations());
  add(traffic.violations());
  result.wrong = wrong.pair_seconds();
  result.traffic = traffic.highest();
  result.hash = transcript.hash();
  return result;
}

}  // namespace sf::sim
