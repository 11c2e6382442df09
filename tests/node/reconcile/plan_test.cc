// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/plan.h"

#include <catch2/catch.hpp>

namespace sf::reconcile {
namespace {

const InstanceId kId("11111111-1111-4111-8111-111111111111");
constexpr const char* kUrl = "http://images/tiny.qcow2";

Instance InState(InstanceState state) {
  Instance instance;
  instance.uuid = kId;
  instance.state = state;
  instance.power_state = "on";
  InstanceDisk disk;
  disk.url = kUrl;
  instance.disks = {disk};
  return instance;
}

const ActualDomain kOn{"on", /*running=*/true, /*off_on_purpose=*/false};
const ActualDomain kSwitchedOff{"off", /*running=*/false, /*off_on_purpose=*/true};
const ActualDomain kCutOff{"crashed", /*running=*/false, /*off_on_purpose=*/false};

}  // namespace

TEST_CASE("Plan: nothing wanted and nothing there needs nothing") { CHECK(Plan({}, {}).empty()); }

TEST_CASE("Plan: a snapshot is taken as its domain is: running, or not, or gone") {
  Desired desired{{InState(InstanceState::kCreated)}, {}};
  desired.snapshots = {kId};
  Actual actual;
  actual.domains[kId] = kOn;
  CHECK(Plan(desired, actual) == std::vector<Action>{TakeSnapshots{kId, /*running=*/true}});
  desired.instances = {};
  actual.domains.clear();
  CHECK(Plan(desired, actual) == std::vector<Action>{TakeSnapshots{kId, /*running=*/false}});
}

TEST_CASE("Plan: an instance waits for its image, which is fetched first") {
  const auto state = GENERATE(InstanceState::kInitial, InstanceState::kCreating);
  const Desired desired{{InState(state)}, {{kUrl, /*recorded=*/false}}};
  CHECK(Plan(desired, {}) == std::vector<Action>{FetchImage{kUrl}});
}

TEST_CASE("Plan: with its image here an instance is built, also again after a crash") {
  const auto state = GENERATE(InstanceState::kInitial, InstanceState::kCreating);
  const Desired desired{{InState(state)}, {{kUrl, /*recorded=*/true}}};
  Actual actual;
  actual.images = {kUrl};
  if (state == InstanceState::kCreating) {
    actual.domains[kId] = kOn;
    actual.folders = {kId};
  }
  CHECK(Plan(desired, actual) == std::vector<Action>{BuildInstance{kId}});
}

TEST_CASE("Plan: an image that is here but was never recorded is fetched, so that it is") {
  const Desired desired{{InState(InstanceState::kInitial)}, {{kUrl, /*recorded=*/false}}};
  Actual actual;
  actual.images = {kUrl};
  CHECK(Plan(desired, actual) == std::vector<Action>{FetchImage{kUrl}, BuildInstance{kId}});
}

TEST_CASE("Plan: a built instance that runs needs nothing") {
  Actual actual;
  actual.domains[kId] = kOn;
  actual.folders = {kId};
  CHECK(Plan({{InState(InstanceState::kCreated)}, {}}, actual).empty());
}

TEST_CASE("Plan: an instance whose QEMU or host failed is started again") {
  Actual actual;
  actual.folders = {kId};
  if (GENERATE(true, false)) actual.domains[kId] = kCutOff;
  CHECK(Plan({{InState(InstanceState::kCreated)}, {}}, actual) ==
        std::vector<Action>{StartInstance{kId}});
}

TEST_CASE("Plan: an interface that was added is plugged in, once there is a domain to plug it in") {
  Instance instance = InState(InstanceState::kCreated);
  instance.interfaces.resize(2);
  instance.interfaces[1].state = "initial";
  Actual actual;
  CHECK(Plan({{instance}, {}}, actual) == std::vector<Action>{StartInstance{kId}});
  actual.domains[kId] = GENERATE(kOn, kSwitchedOff);
  CHECK(Plan({{instance}, {}}, actual) == std::vector<Action>{PlugInterfaces{kId}});
  instance.interfaces[1].state = "error";
  actual.domains[kId] = kOn;
  CHECK(Plan({{instance}, {}}, actual).empty());
}

TEST_CASE("Plan: an instance that its owner or guest switched off stays off") {
  Instance instance = InState(InstanceState::kCreated);
  Actual actual;
  actual.folders = {kId};
  SECTION("seen off for the first time, that is recorded") {
    actual.domains[kId] = kSwitchedOff;
    CHECK(Plan({{instance}, {}}, actual) == std::vector<Action>{RecordPower{kId}});
  }
  SECTION("and that is written down even if it was known to be off") {
    instance.power_state = "off";
    actual.domains[kId] = kSwitchedOff;
    CHECK(Plan({{instance}, {}}, actual) == std::vector<Action>{RecordPower{kId}});
    instance.power_wanted = false;
    CHECK(Plan({{instance}, {}}, actual).empty());
  }
  SECTION("after a reboot of the host, when libvirt has forgotten why it was off") {
    instance.power_wanted = false;
    instance.power_state = "crashed";
    actual.domains[kId] = kCutOff;
    CHECK(Plan({{instance}, {}}, actual).empty());
  }
  SECTION("also when its domain is gone") {
    instance.power_wanted = false;
    CHECK(Plan({{instance}, {}}, actual).empty());
  }
}

TEST_CASE("Plan: what runs although its owner wants it off is switched off") {
  Instance instance = InState(InstanceState::kCreated);
  instance.power_wanted = false;
  Actual actual;
  actual.folders = {kId};
  actual.domains[kId] = kOn;
  CHECK(Plan({{instance}, {}}, actual) == std::vector<Action>{StopInstance{kId}});
}

TEST_CASE("Plan: what is to be deleted is removed, and what has no row is too") {
  Actual actual;
  SECTION("a row in delete-wait, with or without anything here") {
    if (GENERATE(true, false)) actual.domains[kId] = kOn;
    CHECK(Plan({{InState(InstanceState::kDeleteWait)}, {}}, actual) ==
          std::vector<Action>{RemoveInstance{kId, /*has_row=*/true}});
  }
  SECTION("a domain without a row") {
    actual.domains[kId] = kOn;
    CHECK(Plan({}, actual) == std::vector<Action>{RemoveInstance{kId, /*has_row=*/false}});
  }
  SECTION("a folder without a row") {
    actual.folders = {kId};
    CHECK(Plan({}, actual) == std::vector<Action>{RemoveInstance{kId, /*has_row=*/false}});
  }
}

TEST_CASE("Plan: an instance in error is left to a person") {
  Actual actual;
  if (GENERATE(true, false)) {
    actual.domains[kId] = kOn;
    actual.folders = {kId};
  }
  CHECK(Plan({{InState(InstanceState::kError)}, {}}, actual).empty());
}

TEST_CASE("Plan: what was declared lost is taken back first, whatever is left of it") {
  Instance lost = InState(InstanceState::kError);
  lost.lost_from = GENERATE(InstanceState::kInitial, InstanceState::kCreated);
  Actual actual;
  if (GENERATE(true, false)) actual.domains[kId] = kCutOff;
  CHECK(Plan({{lost}, {}}, actual) == std::vector<Action>{TakeBackInstance{kId}});
}

}  // namespace sf::reconcile
