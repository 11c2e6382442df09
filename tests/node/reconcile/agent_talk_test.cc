// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/agent_talk.h"

#include <catch2/catch.hpp>

namespace {

using namespace sf;
using namespace std::chrono_literals;
using nlohmann::json;
using reconcile::AgentTalk;
using Power = AgentTalk::Power;

/// A talk, and the clock that it goes by.
struct Bed {
  AgentTalk talk;
  AgentTalk::Time now{1000s};

  explicit Bed(std::string known = AgentFacts::kNoContact) : talk({std::move(known), 0, 0}) {
    talk.Connected(now);
  }
  bool Hear(json packet) { return talk.Hear(packet, now, 1'700'000'000); }
  void Answer(bool result, const char* message) {
    Hear({{"command", "is-system-running-response"},
          {"result", result},
          {"message", message},
          {"system_boot_time", 1200.5}});
  }
  /// What is said in that time.
  std::vector<std::string> Wait(std::chrono::seconds time, bool busy = false) {
    std::vector<std::string> said = Said();
    for (; time > 0s; time -= 1s) {
      now += 1s;
      talk.Tick(now, busy);
      for (const std::string& one : Said()) said.push_back(one);
    }
    return said;
  }
  std::vector<std::string> Said() {
    std::vector<std::string> said;
    for (const json& packet : talk.TakeReplies()) said.push_back(packet["command"]);
    return said;
  }
  const std::string& state() { return talk.facts().state; }
};

using Words = std::vector<std::string>;

TEST_CASE("AgentTalk: from no contact over the start to ready") {
  Bed bed;
  CHECK(bed.Said() == Words{"is-system-running"});
  CHECK(bed.state() == "not ready (no contact)");
  CHECK(bed.Hear(
      {{"command", "agent-start"}, {"message", "version 0.3.16"}, {"system_boot_time", 1200.5}}));
  CHECK(bed.state() == "not ready (agent startup)");
  CHECK(bed.talk.facts().start_time == 1'700'000'000);
  CHECK(bed.talk.facts().system_boot_time == 1200.5);
  CHECK(bed.Said() == Words{"is-system-running"});
  bed.Answer(false, "starting");
  CHECK(bed.state() == "not ready (starting)");
  CHECK_FALSE(bed.talk.ready());
  CHECK(bed.Wait(6s) == Words{"is-system-running"});
  bed.Answer(true, "running");
  CHECK(bed.state() == "ready");
  CHECK(bed.talk.ready());
}

TEST_CASE("AgentTalk: a guest that says nothing is asked once, and never again") {
  Bed bed;
  CHECK(bed.Wait(86400s) == Words{"is-system-running"});
  CHECK(bed.state() == "not ready (no contact)");
}

TEST_CASE("AgentTalk: a ready agent is pinged, and missed when it is silent, until it speaks") {
  Bed bed;
  bed.Answer(true, "running");
  bed.Said();
  for (int i = 0; i < 10; ++i) {
    CHECK(bed.Wait(15s) == Words{"ping"});
    bed.Hear({{"command", "pong"}});
  }
  CHECK(bed.state() == "ready");
  CHECK(bed.Wait(3600s) == Words{"ping"});
  CHECK(bed.state() == "not ready (unresponsive)");
  CHECK_FALSE(bed.talk.ready());
  bed.Hear({{"command", "pong"}});
  CHECK(bed.Said() == Words{"is-system-running"});
  bed.Answer(false, "degraded");
  CHECK(bed.state() == "ready (degraded)");
  CHECK(bed.talk.ready());
}

TEST_CASE("AgentTalk: an agent that is busy is not missed") {
  Bed bed;
  bed.Answer(true, "running");
  bed.Said();
  CHECK(bed.Wait(7200s, /*busy=*/true).empty());
  CHECK(bed.state() == "ready");
  CHECK(bed.Wait(15s) == Words{"ping"});
}

TEST_CASE("AgentTalk: what a row says of it is believed until it is missed") {
  Bed bed("ready");
  CHECK(bed.state() == "ready");
  CHECK_FALSE(bed.talk.ready());
  SECTION("it is there") {
    bed.Answer(true, "running");
    CHECK(bed.talk.ready());
  }
  SECTION("it is not") {
    bed.Wait(31s);
    CHECK(bed.state() == "not ready (unresponsive)");
  }
  SECTION("QEMU ended") {
    bed.talk.Disconnected();
    CHECK(bed.state() == "not ready (no contact)");
  }
}

TEST_CASE("AgentTalk: power comes before all else") {
  Bed bed;
  bed.Answer(true, "running");
  bed.talk.SetPower(Power::kPaused, bed.now);
  CHECK(bed.state() == "not ready (instance paused)");
  bed.Answer(true, "running");
  CHECK(bed.state() == "not ready (instance paused)");
  bed.talk.SetPower(Power::kRunning, bed.now);
  CHECK(bed.Said().back() == "is-system-running");
  bed.Answer(true, "running");
  CHECK(bed.state() == "ready");
  bed.talk.Disconnected();
  bed.talk.SetPower(Power::kOff, bed.now);
  CHECK(bed.state() == "not ready (instance powered off)");
  bed.talk.SetPower(Power::kRunning, bed.now);
  CHECK(bed.state() == "not ready (no contact)");
}

TEST_CASE("AgentTalk: an agent that is too old, or has stopped, is left alone") {
  const auto state_of = [](json version) {
    Bed bed;
    bed.Hear({{"command", "agent-start"}, {"message", std::move(version)}});
    bed.Answer(true, "running");
    return bed.state();
  };
  for (const char* old : {"version 0.3.15", "version 0.3.9.dev7", "version 0.2.99", "0.3.1"}) {
    CHECK(state_of(old) == "not ready (agent too old)");
  }
  for (const json& good : {json("version 0.3.16"), json("version 0.3.17.dev1"), json("version 0.4"),
                           json("version 1.0.0"), json("version"), json(7),
                           json("version 9999999"
                                "99999.1")}) {
    CHECK(state_of(good) == "ready");
  }
  Bed bed;
  bed.Answer(true, "running");
  bed.Hear({{"command", "agent-stop"}});
  bed.Said();
  CHECK(bed.state() == "not ready (agent stopped)");
  CHECK(bed.Wait(3600s).empty());
}

TEST_CASE("AgentTalk: nothing that a guest makes up gets through") {
  Bed bed;
  bed.Answer(false, "<script>");
  CHECK(bed.state() == "not ready (unknown)");
  bed.Hear({{"command", "is-system-running-response"}, {"result", "true"}});
  CHECK(bed.state() == "not ready (unknown)");
  bed.Hear({{"command", "agent-start"}, {"system_boot_time", 1e300}});
  bed.Hear({{"command", "agent-start"}, {"system_boot_time", -1}});
  bed.Hear({{"command", "agent-start"}, {"system_boot_time", "1"}});
  CHECK(bed.talk.facts().system_boot_time == 1200.5);
  for (const json& packet : {json::object(), json{{"command", 7}}, json{{"command", nullptr}}}) {
    CHECK(bed.Hear(packet));
  }
  CHECK_FALSE(bed.Hear({{"command", "execute-response"}}));
  bed.talk.TakeReplies();
  bed.Hear({{"command", "ping"}, {"unique", std::string(10'000, 'x')}});
  bed.Hear({{"command", "ping"}, {"unique", 77}});
  const auto replies = bed.talk.TakeReplies();
  REQUIRE(replies.size() == 2);
  CHECK(replies[0]["unique"] == 0);
  CHECK(replies[1]["unique"] == 77);
}

}  // namespace
