// SPDX-License-Identifier: Apache-2.0
#include "node/api/local.h"

#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "compute/console.h"
#include "compute/instance_files.h"

namespace sf::api {
namespace {

constexpr std::chrono::seconds kDeadline{30};

}  // namespace

Result<void> LocalInstances::CheckHere(const Instance& instance) const {
  if (instance.node == self_) return {};
  return Fail(Code::kUnavailable, "instance {} is on node {}; ask there", instance.uuid,
              instance.node);
}

Result<void> LocalInstances::OnWorker(const Instance& instance, std::function<Result<void>()> job) {
  auto promise = std::make_shared<std::promise<Result<void>>>();
  std::future<Result<void>> done = promise->get_future();
  if (!workers_.Submit(instance.uuid.value,
                       [promise, job = std::move(job)] { promise->set_value(job()); })) {
    return Fail(Code::kUnavailable, "node {} is stopping or has too much to do", self_);
  }
  if (done.wait_for(kDeadline) != std::future_status::ready) {
    return Fail(Code::kTimeout, "node {} has not done this to instance {} within {} s", self_,
                instance.uuid, kDeadline.count());
  }
  // A pool that stops drops the job, and the promise with it.
  try {
    return done.get();
  } catch (const std::future_error&) {
    return Fail(Code::kUnavailable, "node {} is stopping", self_);
  }
}

Result<void> LocalInstances::ChangePower(const Instance& instance, const PowerCall& power) {
  TRY(CheckHere(instance));
  return OnWorker(instance, [this, id = instance.uuid, &power]() -> Result<void> {
    // The wish is written first: were it written last, a pass of the reconciler in between would
    // start again what has just been switched off.
    if (power.wanted >= 0) TRY(store_.instances.WantPower(id, power.wanted == 1));
    TRY((hypervisor_.*power.change)(id));
    const compute::DomainState state = TRY(hypervisor_.State(id));
    TRY(store_.instances.RecordPower(id, std::string(ToString(state.power)),
                                     /*switched_off=*/false));
    return store_.events.Add(
        {.object_type = "instance", .object = id.value, .message = power.name});
  });
}

Result<std::string> LocalInstances::ReadConsole(const Instance& instance, std::int64_t length) {
  TRY(CheckHere(instance));
  return compute::ReadConsole(compute::InstanceFiles(folder_, instance.uuid).console_log(), length);
}

Result<void> LocalInstances::ClearConsole(const Instance& instance) {
  TRY(CheckHere(instance));
  return compute::TruncateConsole(compute::InstanceFiles(folder_, instance.uuid).console_log());
}

}  // namespace sf::api
