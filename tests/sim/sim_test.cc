// SPDX-License-Identifier: Apache-2.0
// What the protocol promises, one promise at a time, each on a few seeds. SF_SIM_SEEDS=N sets how
// many; SF_SIM_SEED=N runs that one only.
#include <catch2/catch.hpp>
#include <cstdlib>

#include "gossip/codec.h"
#include "tests/sim/checkers.h"
#include "tests/sim/faults.h"
#include "tests/sim/mix.h"
#include "tests/sim/seeds.h"
#include "tests/sim/simulator.h"

namespace sf::sim {
namespace {

using gossip::MemberState;
using namespace std::chrono_literals;

constexpr std::uint64_t kSeeds = 50;  // sim_seeds runs more of them

void CheckSafety(const SafetyChecker& checker) {
  for (const std::string& violation : checker.violations()) FAIL_CHECK(violation);
}

/// What `observer` holds `subject` to be; nothing if it does not know it.
std::optional<MemberState> StateOf(const Simulator& sim, std::size_t observer,
                                   std::size_t subject) {
  const gossip::Member* const member = sim.View(observer).members().Find(sim.NameOf(subject));
  if (member == nullptr) return std::nullopt;
  return member->said.state;
}

bool EveryoneHolds(const Simulator& sim, std::size_t subject, MemberState state) {
  for (std::size_t i = 0; i < sim.size(); ++i) {
    if (i != subject && sim.IsRunning(i) && StateOf(sim, i, subject) != state) return false;
  }
  return true;
}

TEST_CASE("Gossip: after any mix of faults all live nodes agree again, and no invariant broke",
          "[sim]") {
  OnEverySeed(kSeeds, [](std::uint64_t seed) {
    for (const std::string& violation : RunMix(seed).violations) FAIL_CHECK(violation);
  });
}

TEST_CASE("Gossip: the same seed gives the same run, in one go or in many", "[sim]") {
  OnEverySeed(5, [](std::uint64_t seed) {
    const auto run = [seed](Duration slice) {
      Simulator sim(seed);
      Transcript transcript(sim);
      sim.Observe(transcript);
      sim.Start(8);
      Faults faults(sim, seed);
      faults.RunFor(20s);
      for (Duration left = 12s; left > 0s; left -= slice) sim.RunFor(slice);
      return transcript.hash();
    };
    CHECK(run(12s) == run(1ms));
  });
}

TEST_CASE("Gossip: nodes started together soon agree", "[sim]") {
  OnEverySeed(20, [](std::uint64_t seed) {
    Simulator sim(seed);
    sim.Start(30, 0ms);
    CHECK(sim.RunUntil(3s, [&sim] { return sim.Agreed(); }));
  });
}

TEST_CASE("Gossip: a silent host is unreachable to all within 3 s and dead within 6 s", "[sim]") {
  OnEverySeed(20, [](std::uint64_t seed) {
    Simulator sim(seed);
    SafetyChecker checker(sim);
    sim.Observe(checker);
    sim.Start(3 + seed % 10);
    sim.RunFor(5s);
    sim.Crash(2);
    const Duration crashed = sim.now();
    CHECK(sim.RunUntil(3s, [&] { return EveryoneHolds(sim, 2, MemberState::kUnreachable); }));
    CHECK(sim.RunUntil(6s, [&] { return EveryoneHolds(sim, 2, MemberState::kDead); }));
    CHECK(sim.now() - crashed <= 6s);
    // A member that becomes unreachable leaves its turns to others. Those that were due long ago
    // once looked as if the heir had overslept, which gave the silent one more time.
    for (std::size_t i = 0; i < sim.size(); ++i) {
      if (sim.IsRunning(i)) CHECK(sim.View(i).counters().overslept == 0);
    }
    CheckSafety(checker);
  });
}

TEST_CASE("Gossip: a process that was stopped for 5 s is never dead, and accuses nobody", "[sim]") {
  OnEverySeed(20, [](std::uint64_t seed) {
    Simulator sim(seed);
    SafetyChecker checker(sim);
    Transcript transcript(sim);
    sim.Observe(checker);
    sim.Observe(transcript);
    sim.Start(3 + seed % 10);
    sim.RunFor(5s);
    (void)transcript.TakeLines();
    sim.Pause(1, 5s);
    sim.RunFor(20s);
    for (const Transcript::Line& line : transcript.TakeLines()) {
      CHECK(line.kind != Event::Kind::kDead);
      if (line.kind == Event::Kind::kSuspected) CHECK(line.said.name == sim.NameOf(1));
    }
    CHECK(sim.Agreed());
  });
}

TEST_CASE("Gossip: nobody dies of 10 % loss on every link", "[sim]") {
  OnEverySeed(10, [](std::uint64_t seed) {
    Simulator sim(seed);
    SafetyChecker checker(sim);
    sim.Observe(checker);
    sim.Start(3 + seed);
    sim.network().SetAll({.loss = 0.1});
    sim.RunFor(600s);
    CHECK(checker.false_deaths() == 0);
    CheckSafety(checker);
  });
}

TEST_CASE("Gossip: announcements reach everyone within 3 s at 30 % loss", "[sim]") {
  OnEverySeed(10, [](std::uint64_t seed) {
    Simulator sim(seed);
    sim.Start(30);
    sim.RunFor(2s);
    sim.network().SetAll({.loss = 0.3});
    for (std::uint32_t i = 1; i <= 20; ++i) {
      sim.Announce(i, 1, std::string(200, 'x'));
      sim.RunFor(100ms);
    }
    sim.RunFor(3s);
    for (std::size_t node = 0; node < sim.size(); ++node) {
      for (std::size_t owner = 1; owner <= 20; ++owner) {
        CHECK(sim.View(node).members().at(sim.NameOf(owner)).items().size() == 1);
      }
    }
  });
}

// memberlist, issue 311: after a mass restart the old incarnations outlive their members.
TEST_CASE("Gossip: nodes restarted all at once, with nothing remembered, are soon all alive",
          "[sim]") {
  OnEverySeed(20, [](std::uint64_t seed) {
    Simulator sim(seed);
    SafetyChecker checker(sim);
    sim.Observe(checker);
    sim.Start(12);
    sim.network().SetAll({.loss = 0.2});
    sim.RunFor(60s);  // Incarnations grow.
    sim.network().SetAll({});
    for (std::size_t node = 0; node + 2 < sim.size(); ++node) {
      sim.Kill(node);
      sim.Restart(node);
    }
    CHECK(sim.RunUntil(5s, [&sim] { return sim.Agreed(); }));
    CheckSafety(checker);
  });
}

// A joiner at once probes somebody, whose view then differs: who learned of the joiner by comparing
// views did not pass it on along the tree when it came that way too, and those below it waited.
TEST_CASE("Gossip: a joiner is known to all within 10 ms, whoever it speaks to first", "[sim]") {
  OnEverySeed(3, [](std::uint64_t seed) {
    Simulator sim(seed);
    sim.Start(100);
    sim.RunFor(5s);
    for (int i = 0; i < 50; ++i) {
      const auto host = static_cast<std::uint32_t>(0x0a010000 + i);
      const std::size_t joiner = sim.StartAs("j" + std::to_string(i), {.ip = host, .port = 13002});
      sim.RunFor(10ms);
      CHECK(EveryoneHolds(sim, joiner, MemberState::kAlive));
      sim.RunFor(990ms);
    }
  });
}

TEST_CASE("Gossip: a second node of the same name is refused, and told who has it", "[sim]") {
  OnEverySeed(10, [](std::uint64_t seed) {
    Simulator sim(seed);
    Transcript transcript(sim);
    sim.Observe(transcript);
    sim.Start(5);
    sim.RunFor(2s);
    (void)transcript.TakeLines();
    const gossip::Address elsewhere = {.ip = 0x0a000909, .port = 13002};
    sim.StartAs("n1", elsewhere);
    sim.RunFor(5s);
    bool told = false;
    for (const Transcript::Line& line : transcript.TakeLines()) {
      const bool taken = line.kind == Event::Kind::kNameTaken;
      if (taken) CHECK(line.said.address == sim.AddressOf(1));
      told |= taken;
    }
    CHECK(told);
    CHECK(sim.View(0).members().at(NodeId("n1")).said.address == sim.AddressOf(1));
  });
}

TEST_CASE("Gossip: a node that restarted at another address keeps its name", "[sim]") {
  OnEverySeed(10, [](std::uint64_t seed) {
    Simulator sim(seed);
    sim.Start(5);
    sim.RunFor(2s);
    sim.Crash(4);
    const gossip::Address elsewhere = {.ip = 0x0a000909, .port = 13002};
    sim.StartAs("n4", elsewhere);
    sim.RunFor(3s);
    const auto& said = sim.View(0).members().at(NodeId("n4")).said;
    CHECK(said.address == elsewhere);
    CHECK(said.state == MemberState::kAlive);
  });
}

// While each looked for the other life that it had heard it had, both told each other of it, and
// answered that with the same: a datagram in each direction all the time.
TEST_CASE("Gossip: two that know other lives of each other do not go on about it", "[sim]") {
  Simulator sim(1);
  sim.Start(3);
  sim.RunFor(2s);
  for (const std::size_t subject : {0, 1}) {
    gossip::Statement life = sim.View(subject).self().said;
    life.address.ip += 100;
    life.boot += 1;
    life.incarnation += 5;
    const std::string part = EncodePart(gossip::Tell{life, sim.NameOf(1 - subject)});
    const auto teller = sim.View(2).self().said;
    for (const auto& bytes : gossip::Assemble(teller.name, teller.boot, {&part, 1}, 1200)) {
      sim.Inject(1 - subject, bytes);
    }
  }
  const std::uint64_t before = sim.datagrams();
  sim.Greet(0, sim.AddressOf(1));
  sim.RunFor(500ms);
  CHECK(sim.datagrams() - before < 200);
  CHECK(sim.RunUntil(5s, [&sim] { return sim.Agreed(); }));
}

TEST_CASE("Gossip: who leaves is known to have left, and is forgotten in time", "[sim]") {
  OnEverySeed(10, [](std::uint64_t seed) {
    gossip::Config config;
    config.tombstone = std::chrono::minutes(2);
    Simulator sim(seed, config);
    sim.Start(6);
    sim.RunFor(2s);
    sim.Leave(5);
    sim.RunFor(1s);
    CHECK(EveryoneHolds(sim, 5, MemberState::kLeft));
    sim.Kill(5);
    sim.Crash(4);
    sim.RunFor(140s);
    for (std::size_t node = 0; node < 4; ++node) CHECK(sim.View(node).members().size() == 4);
  });
}

TEST_CASE("Gossip: strangers' bytes change nothing", "[sim]") {
  Simulator sim(1);
  sim.Start(3);
  sim.RunFor(2s);
  const std::uint64_t view = sim.View(0).view();
  gossip::Random random(1);
  for (int i = 0; i < 10000; ++i) {
    std::string bytes(random.Below(100), '\0');
    for (char& byte : bytes) byte = static_cast<char>(random.Next());
    sim.Inject(0, bytes);
  }
  CHECK(sim.View(0).view() == view);
}

}  // namespace
}  // namespace sf::sim
