// SPDX-License-Identifier: Apache-2.0
// How fast and at what cost, in virtual time, on a network of 0.1 to 0.3 ms. Not run by default:
//
//   sim_tests '[figures]'                      10, 50, 100, 200 and 1000 members
//   SF_SIM_MEMBERS=50 sim_tests '[figures]'    that many; SF_SIM_TIMES=20 kills and joins (10 times
//   as
//                                              many broadcasts) instead of 100
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>

#include "gossip/seal.h"
#include "tests/sim/simulator.h"

namespace sf::sim {
namespace {

using namespace std::chrono_literals;

/// When how many nodes have reported one thing about one member.
class Census : public Simulator::Observer {
 public:
  explicit Census(Simulator& sim) : sim_(sim) {}

  void Expect(Event::Kind kind, NodeId subject) {
    kind_ = kind;
    subject_ = std::move(subject);
    reports_.clear();
  }
  void OnOutput(std::size_t, const gossip::Output& output) override {
    for (const Event& event : output.events) {
      if (event.kind == kind_ && event.said.name == subject_) reports_.push_back(sim_.now());
      wrong_ += event.kind == Event::Kind::kDead && event.said.name != subject_;
    }
  }
  /// How long until `count` nodes had reported; nothing if they had not by then.
  std::optional<Duration> Await(std::size_t count, Duration at_most) {
    const Duration began = sim_.now();
    if (!sim_.RunUntil(at_most, [&] { return reports_.size() >= count; })) return std::nullopt;
    return reports_.empty() ? Duration(0) : reports_.back() - began;
  }
  std::size_t reports() const { return reports_.size(); }
  std::size_t wrong() const { return wrong_; }

 private:
  Simulator& sim_;
  Event::Kind kind_ = Event::Kind::kForgotten;
  NodeId subject_;
  std::vector<Duration> reports_;
  std::size_t wrong_ = 0;
};

class Distribution {
 public:
  void Add(Duration value) { values_.push_back(value); }
  std::string Print() {
    if (values_.empty()) return "-";
    std::ranges::sort(values_);
    char text[80];
    std::snprintf(text, sizeof text, "p50 %8.1f  p99 %8.1f  max %8.1f ms  (%zu)", At(0.5), At(0.99),
                  At(1), values_.size());
    return text;
  }

 private:
  double At(double share) const {
    const auto last = static_cast<double>(values_.size() - 1);
    return static_cast<double>(values_[static_cast<std::size_t>(share * last)].count()) / 1000;
  }
  std::vector<Duration> values_;
};

void Print(std::size_t n, const char* what, Distribution& times) {
  std::printf("%5zu  %-34s %s\n", n, what, times.Print().c_str());
  std::fflush(stdout);
}

void Broadcasts(Simulator& sim, Census& census, double loss, int times) {
  const std::size_t n = sim.size();
  sim.network().SetAll({.loss = loss});
  Distribution to_all;
  int missed = 0;
  const std::uint64_t before = sim.datagrams();
  Duration spent = {};
  for (int i = 0; i < times; ++i) {
    const std::size_t speaker = static_cast<std::size_t>(i) % n;
    sim.RunFor(2s + Duration(i % 997 * 1000));  // at any moment of the period
    census.Expect(Event::Kind::kAnnounced, sim.NameOf(speaker));
    sim.Announce(speaker, 1, std::string(200, 'x'));
    const auto time = census.Await(n - 1, 3s);
    time ? to_all.Add(*time) : static_cast<void>(++missed);
    spent += 2s + Duration(i % 997 * 1000) + time.value_or(3s);
  }
  char what[64];
  std::snprintf(what, sizeof what, "G1 200 B to all, loss %2.0f %%", 100 * loss);
  Print(n, what, to_all);
  const double idle = 2 * static_cast<double>(spent.count()) / 1e6;
  std::printf(
      "%5zu  G2 missed somebody after 3 s        %d of %d; %.1f datagrams a member for each\n", n,
      missed, times,
      (static_cast<double>(sim.datagrams() - before) / static_cast<double>(n) - idle) / times);
  sim.network().SetAll({});
  sim.RunFor(5s);
}

void Joins(Simulator& sim, Census& census, int times) {
  const std::size_t n = sim.size();
  Distribution known;
  for (int i = 0; i < times; ++i) {
    const std::string name = "joiner" + std::to_string(i);
    sim.RunFor(1s);
    census.Expect(Event::Kind::kJoined, NodeId(name));
    const auto host = static_cast<std::uint32_t>(0x0a010000 + i);
    const std::size_t joiner = sim.StartAs(name, {.ip = host, .port = 13002});
    if (const auto time = census.Await(n, 10s)) known.Add(*time);
    sim.RunFor(1s);
    sim.Leave(joiner);
    sim.RunFor(2s);
    sim.Kill(joiner);
  }
  Print(n, "G8 a joiner known to all", known);
}

void Crashes(Simulator& sim, Census& census, std::size_t n, int times) {
  Distribution first, unreachable, dead;
  for (int i = 0; i < times; ++i) {
    const std::size_t victim = (3 + static_cast<std::size_t>(i) * 7) % n;
    sim.RunFor(5s + Duration(i % 10 * 97000));
    census.Expect(Event::Kind::kUnreachable, sim.NameOf(victim));
    const Duration crashed = sim.now();
    sim.Crash(victim);
    if (const auto time = census.Await(1, 10s)) first.Add(*time);
    if (census.Await(n - 1, 10s)) unreachable.Add(sim.now() - crashed);
    census.Expect(Event::Kind::kDead, sim.NameOf(victim));
    if (census.Await(n - 1, 20s)) dead.Add(sim.now() - crashed);
    sim.Restart(victim);
    sim.RunFor(10s);
  }
  Print(n, "   silent host unreachable, first", first);
  Print(n, "G4 silent host unreachable to all", unreachable);
  Print(n, "G5 silent host dead to all", dead);
}

void Steady(Simulator& sim) {
  const std::size_t n = sim.size();
  std::uint64_t packets = 0, bytes = 0;
  const auto count = [&](std::int64_t sign) {
    for (std::size_t i = 0; i < n; ++i) {
      packets += static_cast<std::uint64_t>(sign) * sim.View(i).counters().sent;
      bytes += static_cast<std::uint64_t>(sign) * sim.View(i).counters().bytes_sent;
    }
  };
  count(-1);
  sim.RunFor(100s);
  count(1);
  constexpr std::size_t kIpAndUdp = 28;
  const double per_second = static_cast<double>(packets) / static_cast<double>(n) / 100;
  const double size = static_cast<double>(bytes) / static_cast<double>(packets);
  std::printf(
      "%5zu  G10 steady, a member                %.2f packets/s, %.0f B/s sealed, with IP\n", n,
      per_second, per_second * (size + static_cast<double>(gossip::Seal::kOverhead + kIpAndUdp)));
}

void Measure(std::size_t n, int times) {
  Simulator sim(n);
  Census census(sim);
  sim.Start(n);
  const Duration started = sim.now();
  sim.RunUntil(60s, [&sim, next = Duration(0)]() mutable {
    if (sim.now() < next) return false;
    next = sim.now() + 10ms;
    return sim.Agreed();
  });
  std::printf("%5zu  G9 all agree after the last start    %.0f ms\n", n,
              static_cast<double>((sim.now() - started).count()) / 1000);
  sim.Observe(census);
  sim.RunFor(5s);
  Steady(sim);
  Broadcasts(sim, census, 0, 10 * times);
  Broadcasts(sim, census, 0.05, 10 * times);
  if (n <= 200) Broadcasts(sim, census, 0.3, 10 * times);  // At 1000 it takes an hour.
  Crashes(sim, census, n, times);
  Joins(sim, census, times);
  std::printf("%5zu  wrong deaths: %zu\n\n", n, census.wrong());
}

TEST_CASE("Figures in virtual time", "[.][figures]") {
  const char* const members = std::getenv("SF_SIM_MEMBERS");
  const char* const times = std::getenv("SF_SIM_TIMES");
  const int count = times == nullptr ? 100 : std::atoi(times);
  if (members != nullptr) return Measure(std::strtoull(members, nullptr, 10), count);
  for (const std::size_t n : {10, 50, 100, 200}) Measure(n, count);
  Measure(1000, count / 5);
}

}  // namespace
}  // namespace sf::sim
