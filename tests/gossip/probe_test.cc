// SPDX-License-Identifier: Apache-2.0
#include "gossip/probe.h"

#include <catch2/catch.hpp>

namespace sf::gossip {
namespace {

const NodeId kTarget("target");
const NodeId kHelper("helper");
constexpr Address kAsker = {.ip = 9, .port = 1};

struct Asker {
  Config config;
  Health health{config.max_health_score};
  Prober prober{config, health, 100};
  Time now = Time(seconds(100));

  std::uint32_t Begin() { return prober.Begin({.said = {.name = kTarget, .address = {}}}, now); }
  Prober::Due After(Duration passed) {
    now += passed;
    return prober.Tick(now);
  }
  /// Up to the moment when helpers are asked.
  void Direct(std::size_t helpers) {
    After(config.ping_timeout / 2);
    for (const std::uint32_t sequence : After(config.ping_timeout / 2).need_help) {
      prober.NoteAsked(sequence, helpers);
    }
  }
  Prober::Due Indirect() {
    After(config.indirect_timeout / 2);
    return After(config.indirect_timeout / 2);
  }
};

TEST_CASE("Prober: a silent member is pinged four times, and failed after two timeouts") {
  Asker asker;
  const std::uint32_t sequence = asker.Begin();
  CHECK(asker.prober.IsProbing(kTarget));
  CHECK(asker.prober.next_tick() == asker.now + asker.config.ping_timeout / 2);
  CHECK(asker.After(asker.config.ping_timeout / 2 - Duration(1)).repeat.empty());
  CHECK(asker.After(Duration(1)).repeat == std::vector{sequence});
  CHECK(asker.After(asker.config.ping_timeout / 2).need_help == std::vector{sequence});
  CHECK(asker.After(asker.config.indirect_timeout / 2).repeat == std::vector{sequence});
  const Prober::Due due = asker.After(asker.config.indirect_timeout / 2);
  REQUIRE(due.failed.size() == 1);
  CHECK(due.failed[0].target == kTarget);
  CHECK(asker.now - due.failed[0].sent ==
        asker.config.ping_timeout + asker.config.indirect_timeout);
  CHECK_FALSE(asker.prober.IsProbing(kTarget));
  CHECK(asker.prober.next_tick() == Time::max());
}

TEST_CASE("Prober: only the target's own answer to that ping counts") {
  Asker asker;
  const std::uint32_t sequence = asker.Begin();
  CHECK_FALSE(asker.prober.OnAck(sequence, kHelper).probe);
  CHECK_FALSE(asker.prober.OnAck(sequence + 1, kTarget).probe);
  CHECK(asker.prober.OnAck(sequence, kTarget).probe);
  CHECK_FALSE(asker.prober.OnAck(sequence, kTarget).probe);
  CHECK_FALSE(asker.prober.IsProbing(kTarget));
}

TEST_CASE("Prober: a helper that reached the target ends the probe, and only when it was asked") {
  Asker asker;
  const std::uint32_t sequence = asker.Begin();
  asker.prober.OnVouch(sequence, kHelper, true);
  CHECK(asker.prober.IsProbing(kTarget));
  asker.Direct(1);
  asker.prober.OnVouch(sequence, kHelper, true);
  CHECK_FALSE(asker.prober.IsProbing(kTarget));
}

TEST_CASE("Prober: each helper of whom nothing is heard may mean that it is we who hear nothing") {
  Asker asker;
  const std::uint32_t sequence = asker.Begin();
  asker.Direct(3);
  asker.prober.OnVouch(sequence, kHelper, false);
  asker.prober.OnVouch(sequence, kHelper, false);  // One helper is one, however often it speaks.
  CHECK(asker.Indirect().failed.size() == 1);
  CHECK(asker.health.score() == 2);
}

TEST_CASE("Prober: a direct answer is a sign of health, one after helpers were asked is not") {
  Asker asker;
  asker.health.Worsen(2);
  asker.prober.OnAck(asker.Begin(), kTarget);
  CHECK(asker.health.score() == 1);
  const std::uint32_t late = asker.Begin();
  const Duration stretched = asker.config.ping_timeout * asker.health.multiplier();
  asker.After(stretched / 2);
  CHECK(asker.After(stretched / 2).need_help.size() == 1);
  CHECK(asker.prober.OnAck(late, kTarget).probe);
  CHECK(asker.health.score() == 1);
}

TEST_CASE("Prober: a helper that hears nothing says so at 80 % of the asker's patience") {
  Asker helper;
  const Duration patience = milliseconds(200);
  helper.prober.BeginFavour({.target = kTarget, .asker = kAsker, .asker_sequence = 7}, patience,
                            helper.now);
  CHECK(helper.After(patience * 4 / 5 - Duration(1)).fruitless.empty());
  const Prober::Due due = helper.After(Duration(1));
  REQUIRE(due.fruitless.size() == 1);
  CHECK(due.fruitless[0].asker == kAsker);
  CHECK(due.fruitless[0].asker_sequence == 7);
}

TEST_CASE("Prober: a helper that hears the target knows who asked") {
  Asker helper;
  const auto sequence = helper.prober.BeginFavour(
      {.target = kTarget, .asker = kAsker, .asker_sequence = 7}, seconds(1), helper.now);
  REQUIRE(sequence);
  const Prober::Answered answered = helper.prober.OnAck(*sequence, kTarget);
  REQUIRE(answered.favour);
  CHECK(answered.favour->asker == kAsker);
  CHECK(helper.After(seconds(10)).fruitless.empty());
}

TEST_CASE("Prober: favours are limited, in number and in time") {
  Asker helper;
  int taken = 0;
  while (taken < 10000 && helper.prober.BeginFavour({.target = kTarget, .asker = kAsker},
                                                    minutes(1000), helper.now)) {
    ++taken;
  }
  CHECK(taken < 10000);
  const auto fruitless = helper.After(seconds(10)).fruitless;
  CHECK(fruitless.size() == static_cast<std::size_t>(taken));
}

TEST_CASE("Prober: whose kernel answers is frozen, not silent") {
  Asker asker;
  asker.Begin();
  asker.Direct(0);
  asker.prober.OnKernelAnswers(kHelper);
  asker.prober.OnKernelAnswers(kTarget);
  const Prober::Due due = asker.Indirect();
  REQUIRE(due.failed.size() == 1);
  CHECK(due.failed[0].frozen);
}

TEST_CASE("Prober: a probe that is abandoned comes to nothing") {
  Asker asker;
  asker.Begin();
  asker.prober.Abandon(kTarget);
  asker.Direct(3);
  CHECK(asker.Indirect().failed.empty());
  CHECK(asker.health.score() == 0);
}

}  // namespace
}  // namespace sf::gossip
