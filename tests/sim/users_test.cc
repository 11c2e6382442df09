// SPDX-License-Identifier: Apache-2.0
// What users of other implementations suffered from, and went to their issue trackers with. What
// they told of mass restarts is in sim_test.cc, of the dead that nobody forgets in membership_test.
#include <catch2/catch.hpp>

#include "gossip/seal.h"
#include "tests/sim/checkers.h"
#include "tests/sim/seeds.h"
#include "tests/sim/simulator.h"

namespace sf::sim {
namespace {

using gossip::MemberState;
using namespace std::chrono_literals;

MemberState StateOf(const Simulator& sim, std::size_t observer, std::size_t subject) {
  return sim.View(observer).members().at(sim.NameOf(subject)).said.state;
}

// consul, issues 1212 and 1337; serf, issue 269: one node that is short of processor time has
// dozens of healthy ones called dead.
TEST_CASE("Users: starved nodes call nobody dead, nor healthy ones unreachable", "[sim]") {
  OnEverySeed(3, [](std::uint64_t seed) {
    constexpr std::size_t kStarved = 8;
    Simulator sim(seed);
    SafetyChecker checker(sim);
    Transcript transcript(sim);
    gossip::Random random(seed);
    sim.Observe(checker);
    sim.Observe(transcript);
    sim.Start(40);
    sim.RunFor(5s);
    (void)transcript.TakeLines();
    for (int i = 0; i < 1000; ++i) {  // They run for some 0.3 s, and wait for up to 3 s.
      const std::size_t node = random.Below(kStarved);
      if (!sim.IsPaused(node)) sim.Pause(node, Duration(random.Below(3'000'000)));
      sim.RunFor(Duration(random.Below(80'000)));
    }
    CHECK(checker.false_deaths() == 0);
    for (const Transcript::Line& line : transcript.TakeLines()) {
      CHECK(line.kind != Event::Kind::kDead);
      if (line.kind != Event::Kind::kUnreachable) continue;
      CHECK(*sim.IndexOf(line.said.name) < kStarved);
    }
    sim.RunFor(10s);
    CHECK(sim.Agreed());
    for (const std::string& violation : checker.violations()) FAIL_CHECK(violation);
  });
}

// memberlist, issue 299: what users say waits behind news of members, where there is much of it.
TEST_CASE("Users: an announcement does not wait for the news of members who come and go", "[sim]") {
  OnEverySeed(3, [](std::uint64_t seed) {
    Simulator sim(seed);
    sim.Start(80);
    sim.RunFor(5s);
    for (std::size_t i = 40; i < 60; ++i) sim.Crash(i);
    for (std::size_t i = 60; i < 80; ++i) sim.Kill(i);
    for (std::size_t i = 60; i < 80; ++i) sim.Restart(i);
    for (std::uint32_t said = 0; said < 20; ++said) {
      sim.Announce(said, 1, std::string(200, 'x'));
      const auto heard = [&] {
        for (std::size_t i = 0; i < sim.size(); ++i) {
          if (!sim.IsRunning(i)) continue;
          const gossip::Member* const author = sim.View(i).members().Find(sim.NameOf(said));
          if (author == nullptr || author->items().empty()) return false;
        }
        return true;
      };
      CHECK(sim.RunUntil(500ms, heard));
      sim.RunFor(200ms);
    }
  });
}

// memberlist, issue 243: cores and megabits for a cluster in which nothing happens.
TEST_CASE("Users: where nothing happens a member sends 2 packets and 200 B a second", "[sim]") {
  for (const std::size_t n : {3, 30, 100}) {
    Simulator sim(n);
    sim.Start(n);
    sim.RunFor(10s);
    const auto sent = [&sim](auto figure) {
      double sum = 0;
      for (std::size_t i = 0; i < sim.size(); ++i) {
        sum += static_cast<double>(figure(sim.View(i).counters()));
      }
      return sum;
    };
    const auto packets = [](const gossip::Counters& c) { return c.sent; };
    constexpr std::size_t kAround = gossip::Seal::kOverhead + 28;  // and IP, UDP
    const auto bytes = [](const gossip::Counters& c) { return c.bytes_sent + kAround * c.sent; };
    const double packets_before = sent(packets), bytes_before = sent(bytes);
    sim.RunFor(60s);
    const double member_seconds = 60 * static_cast<double>(n);
    CHECK((sent(packets) - packets_before) / member_seconds <= 2.2);
    CHECK((sent(bytes) - bytes_before) / member_seconds <= 200);
  }
}

// An address is given to another machine, which answers whatever is sent there.
TEST_CASE("Users: who answers at a dead member's address does not keep it alive", "[sim]") {
  OnEverySeed(5, [](std::uint64_t seed) {
    Simulator sim(seed);
    sim.Start(10);
    sim.RunFor(5s);
    sim.Crash(4);
    sim.StartAs("heir", sim.AddressOf(4));
    sim.RunFor(12s);  // Longer than for a silent host: a kernel accepts connections there.
    for (std::size_t i = 0; i < sim.size(); ++i) {
      if (i != 4) CHECK(StateOf(sim, i, 4) == MemberState::kDead);
      if (sim.IsRunning(i)) CHECK(StateOf(sim, i, 10) == MemberState::kAlive);
    }
  });
}

// Two servers that had been apart found each other by pings at once, and yet knew each other's
// adverts only 2 s later, as their comparisons went to hosts that were dead.
TEST_CASE("Users: who greets knows at once what the other said meanwhile", "[sim]") {
  OnEverySeed(10, [](std::uint64_t seed) {
    Simulator sim(seed);
    sim.Start(12);
    sim.RunFor(5s);
    std::map<gossip::Address, std::size_t> sides;
    for (std::size_t i = 0; i < sim.size(); ++i) sides[sim.AddressOf(i)] = i % 2;
    sim.network().Split(sides);
    sim.RunFor(20s);
    for (std::size_t i = 4; i < sim.size(); ++i) sim.Crash(i);
    sim.Announce(1, 1, "said while apart");
    sim.network().HealAll();
    sim.Greet(0, sim.AddressOf(1));
    CHECK(sim.RunUntil(100ms, [&sim] {
      return StateOf(sim, 0, 1) == MemberState::kAlive &&
             !sim.View(0).members().at(sim.NameOf(1)).items().empty();
    }));
  });
}

// consul, issue 5567: one sick node keeps the network busy. Whoever is cut off tells everyone of
// all whom it misses; 8 times, once, and for as long as it was cut off.
TEST_CASE("Users: a node that is cut off does not shout, nor does the rest", "[sim]") {
  static constexpr std::size_t kMembers = 60;
  static constexpr std::size_t kSeconds = 60;
  OnEverySeed(3, [](std::uint64_t seed) {
    Simulator sim(seed);
    sim.Start(kMembers);
    sim.RunFor(10s);
    const auto its_own = [&sim] { return sim.View(5).counters().sent; };
    std::map<gossip::Address, std::size_t> sides;
    for (std::size_t i = 0; i < kMembers; ++i) sides[sim.AddressOf(i)] = i == 5;
    const std::uint64_t own_before = its_own(), all_before = sim.datagrams();
    sim.network().Split(sides);
    sim.RunFor(std::chrono::seconds(kSeconds));
    const std::uint64_t own = its_own() - own_before;
    // Less than one suspicion a second, each told to everyone as often as an arc waits for silence.
    CHECK(own / kSeconds <= 3 * kMembers);
    CHECK((sim.datagrams() - all_before - own) / kSeconds <= 4 * kMembers);
    sim.network().HealAll();
    CHECK(sim.RunUntil(10s, [&sim] { return sim.Agreed(); }));
  });
}

}  // namespace
}  // namespace sf::sim
