// SPDX-License-Identifier: Apache-2.0
// The network-services role under faults. SF_SIM_SEEDS=N sets how many seeds; SF_SIM_SEED=N runs
// that one only.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>

#include "tests/sim/role_faults.h"
#include "tests/sim/role_world.h"
#include "tests/sim/seeds.h"

namespace sf::sim {
namespace {

using namespace std::chrono_literals;

constexpr std::uint64_t kSeeds = 1000;

struct Cluster {
  Simulator sim;
  RoleWorld roles;
  gossip::Random random;

  explicit Cluster(std::uint64_t seed, std::size_t nodes = 0)
      : sim(seed), roles(sim, seed), random(seed) {
    for (std::size_t i = 0; i < nodes; ++i) {
      sim.Start(1);
      sim.SetClockRate(i, 0.95 + 0.1 * random.Unit());
    }
  }
  bool Settles(Duration at_most) {
    for (const Duration end = sim.now() + at_most; sim.now() < end; sim.RunFor(10ms)) {
      if (roles.Settled()) return true;
    }
    return roles.Settled().has_value();
  }
};

/// Three to nine nodes a seed, whose roles have broken no rule at the end.
template <class Test>
void OnEveryCluster(std::uint64_t seeds, const Test& test) {
  OnEverySeed(seeds, [&test](std::uint64_t seed) {
    Cluster cluster(seed, 3 + seed % 7);
    test(cluster);
    for (const std::string& violation : cluster.roles.violations()) FAIL_CHECK(violation);
  });
}

TEST_CASE("Role: a cluster that starts has one server within 3 s", "[sim]") {
  OnEveryCluster(50, [](Cluster& cluster) { CHECK(cluster.Settles(3s)); });
}

// Of the promised 15 s until DHCP answers again, and 20 s, services take 6 s to come up.
constexpr Duration kKilledReplaced = 9s;
constexpr Duration kFrozenReplaced = 14s;

TEST_CASE("Role: a killed holder is replaced within 9 s, and services never run twice", "[sim]") {
  OnEveryCluster(100, [](Cluster& cluster) {
    REQUIRE(cluster.Settles(3s));
    cluster.sim.RunFor(Duration(cluster.random.Below(3'000'000)));
    const std::size_t holder = *cluster.roles.Settled();
    cluster.sim.Kill(holder);
    const Duration killed = cluster.sim.now();
    while (cluster.sim.now() < killed + kKilledReplaced &&
           cluster.roles.Settled().value_or(holder) == holder) {
      cluster.sim.RunFor(1ms);
      REQUIRE(cluster.roles.Servers().size() <= 1);
    }
    CHECK(cluster.roles.Settled().value_or(holder) != holder);
    // It does not take the role back.
    const Tenure after = cluster.roles.row().now();
    cluster.sim.Restart(holder);
    cluster.sim.RunFor(15s);
    CHECK(cluster.roles.row().now() == after);
  });
}

TEST_CASE("Role: a frozen holder is replaced within 14 s, and never serves beside its successor",
          "[sim]") {
  OnEveryCluster(100, [](Cluster& cluster) {
    REQUIRE(cluster.Settles(3s));
    const std::size_t holder = *cluster.roles.Settled();
    cluster.sim.Pause(holder, 20s + Duration(cluster.random.Below(20'000'000)));
    const Duration frozen = cluster.sim.now();
    bool replaced = false;
    while (cluster.sim.now() < frozen + 60s) {
      cluster.sim.RunFor(1ms);
      const std::vector<std::size_t> servers = cluster.roles.Servers();
      REQUIRE(servers.size() <= 1);
      if (servers.size() == 1 && servers[0] != holder) replaced = true;
      if (cluster.sim.now() > frozen + kFrozenReplaced) REQUIRE(replaced);
    }
    CHECK(cluster.roles.Settled().value_or(holder) != holder);
  });
}

TEST_CASE("Role: a holder that restarts soon keeps the role, and its services never stop",
          "[sim]") {
  OnEveryCluster(50, [](Cluster& cluster) {
    REQUIRE(cluster.Settles(3s));
    cluster.sim.RunFor(2s);
    const std::size_t holder = *cluster.roles.Settled();
    if (cluster.random.Below(2) == 0) cluster.roles.LoseDisk(holder);
    cluster.sim.Kill(holder);
    for (int i = 0; i < 5000; ++i) {
      if (i == 2000) cluster.sim.Restart(holder);
      cluster.sim.RunFor(1ms);
      REQUIRE(cluster.roles.Servers().size() == 1);
    }
    CHECK(cluster.roles.Settled() == holder);
    CHECK(cluster.roles.row().now().term == 1);
  });
}

TEST_CASE("Role: a holder that leaves hands over within a second", "[sim]") {
  OnEveryCluster(50, [](Cluster& cluster) {
    REQUIRE(cluster.Settles(3s));
    cluster.sim.RunFor(2s);
    const std::size_t holder = *cluster.roles.Settled();
    cluster.roles.Leave(holder);
    cluster.sim.RunFor(1s);
    cluster.sim.Kill(holder);
    CHECK(cluster.roles.Settled().value_or(holder) != holder);
    CHECK(cluster.roles.row().now().term == 2);
  });
}

TEST_CASE("Role: while the row is away the holder goes on, and nobody replaces one that dies",
          "[sim]") {
  OnEveryCluster(50, [](Cluster& cluster) {
    REQUIRE(cluster.Settles(3s));
    const std::size_t holder = *cluster.roles.Settled();
    cluster.roles.row().SetAwayForAll(true);
    cluster.sim.RunFor(60s);
    CHECK(cluster.roles.Settled() == holder);
    cluster.sim.Kill(holder);
    cluster.sim.RunFor(60s);
    CHECK(cluster.roles.Servers().empty());
    cluster.roles.row().SetAwayForAll(false);
    CHECK(cluster.Settles(12s));
  });
}

TEST_CASE("Role: after any mix of faults one node serves, and no invariant broke", "[sim]") {
  OnEveryCluster(kSeeds, [](Cluster& cluster) {
    RoleFaults faults(cluster.sim, cluster.roles, cluster.random.Next());
    faults.RunFor(120s);
    faults.HealEverything();
    CHECK(cluster.Settles(40s));
  });
}

}  // namespace
}  // namespace sf::sim
