// SPDX-License-Identifier: Apache-2.0
// What many changes at one moment cost, and how soon all is quiet again. SF_SIM_MEMBERS=N for
// another size than 200.
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <variant>

#include "gossip/codec.h"
#include "tests/sim/simulator.h"

namespace sf::sim {
namespace {

using namespace std::chrono_literals;

constexpr const char* kKinds[] = {"ping",  "ack",     "pingreq", "vouch", "tell", "announced",
                                  "heard", "buckets", "entries", "want",  "delta"};

/// Counts what is sent by all, and of which parts it consists.
class Meter : public Simulator::Observer {
 public:
  void OnOutput(std::size_t, const gossip::Output& output) override {
    for (const gossip::Datagram& datagram : output.sends) {
      ++datagrams_;
      bytes_ += datagram.bytes.size();
      const auto packet = gossip::Decode(datagram.bytes);
      for (const gossip::Part& part : packet->parts) ++parts_[part.index()];
    }
  }
  void Print(const char* what, Duration until, std::size_t n) const {
    const auto each = [n](std::size_t count) {
      return static_cast<double>(count) / static_cast<double>(n);
    };
    std::printf("%5zu  %-26s %7.1f ms, a member: %6.1f datagrams, %7.0f B;", n, what,
                static_cast<double>(until.count()) / 1000, each(datagrams_), each(bytes_));
    for (const auto& [kind, count] : parts_) std::printf(" %s %.1f", kKinds[kind], each(count));
    std::printf("\n");
  }
  void Reset() { *this = Meter(); }
  double datagrams() const { return static_cast<double>(datagrams_); }

 private:
  std::size_t datagrams_ = 0;
  std::size_t bytes_ = 0;
  std::map<std::size_t, std::size_t> parts_;
};

/// Until all views are equal; then how long it took, and what had been sent when all was quiet.
Duration Settle(Simulator& sim, Meter& meter, const char* what) {
  const Duration began = sim.now();
  const auto now_and_then = [&sim, next = Duration(0)]() mutable {
    if (sim.now() < next) return false;
    next = sim.now() + 200us;
    return sim.Agreed();
  };
  CHECK(sim.RunUntil(60s, now_and_then));
  const Duration agreed = sim.now() - began;
  meter.Print(what, agreed, sim.size());
  sim.RunFor(2s);
  meter.Print("  and 2 s later", agreed + 2s, sim.size());
  return agreed;
}

/// How long until all agree, and what it costs each until all is quiet.
struct Burst {
  Duration agreed;
  double datagrams;
};

Burst MeasureBurst(Simulator& sim, Meter& meter, const std::function<void()>& happen) {
  meter.Reset();
  const Duration began = sim.now();
  happen();
  CHECK(sim.RunUntil(20s, [&sim] { return sim.Agreed(); }));
  const Duration agreed = sim.now() - began;
  sim.RunFor(2s);
  return {agreed, meter.datagrams() / static_cast<double>(sim.size())};
}

// The limits are a third above what was measured; apart, each change would take 4 datagrams.
TEST_CASE("Gossip: many changes at one moment are soon known and share their datagrams", "[sim]") {
  constexpr std::size_t kMembers = 60;
  Simulator sim(1);
  Meter meter;
  sim.Observe(meter);
  const Burst start = MeasureBurst(sim, meter, [&] { sim.Start(kMembers, 100us); });
  CHECK(start.agreed < 150ms);
  CHECK(start.datagrams < 35);
  sim.RunFor(5s);
  const Burst announced = MeasureBurst(sim, meter, [&] {
    for (std::size_t i = 0; i < kMembers; ++i) sim.Announce(i, 1, std::string(200, 'x'));
  });
  CHECK(announced.agreed < 25ms);
  CHECK(announced.datagrams < 55);
  const Burst crashed = MeasureBurst(sim, meter, [&] {
    for (std::size_t i = 4; i < kMembers; i += 5) sim.Crash(i);
  });
  CHECK(crashed.agreed < 6s);
  CHECK(crashed.datagrams < 160);
}

TEST_CASE("Figures of bursts", "[.][figures]") {
  const char* const members = std::getenv("SF_SIM_MEMBERS");
  const std::size_t n = members == nullptr ? 200 : std::strtoull(members, nullptr, 10);
  Simulator sim(n);
  Meter meter;
  sim.Observe(meter);
  sim.Start(n, Duration(10000 / n));
  Settle(sim, meter, "all started within 10 ms");
  sim.RunFor(10s);

  meter.Reset();
  sim.Announce(3, 1, std::string(200, 'x'));
  Settle(sim, meter, "one announces 200 B");

  meter.Reset();
  for (std::size_t i = 0; i < 20; ++i) sim.Announce(i * n / 20, 2, std::string(200, 'x'));
  Settle(sim, meter, "20 announce 200 B each");

  meter.Reset();
  for (std::size_t i = 0; i < n; ++i) sim.Announce(i, 3, std::string(200, 'x'));
  Settle(sim, meter, "everyone announces 200 B");

  meter.Reset();
  for (std::size_t i = 0; i < n / 5; ++i) sim.Crash(5 * i + 4);
  Settle(sim, meter, "a fifth crash at once");
}

}  // namespace
}  // namespace sf::sim
