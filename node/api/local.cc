// SPDX-License-Identifier: Apache-2.0
#include "node/api/local.h"

#include <chrono>
#include <future>
#include <memory>
#include <utility>

#include "compute/console.h"
#include "compute/instance_files.h"
#include "images/image_index.h"
#include "node/model/snapshot.h"

namespace sf::api {
namespace {

constexpr std::chrono::seconds kDeadline{30};
/// A person has so long to open the file that the password is in.
constexpr std::chrono::minutes kScreenValidity{5};

}  // namespace

template <class T>
Result<T> LocalInstances::OnWorker(const Instance& instance, std::function<Result<T>()> job) {
  auto promise = std::make_shared<std::promise<Result<T>>>();
  std::future<Result<T>> done = promise->get_future();
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
  return OnWorker<void>(instance, [this, id = instance.uuid, &power]() -> Result<void> {
    // The wish is written first: were it written last, a pass of the reconciler in between would
    // start again what has just been switched off.
    if (power.wanted >= 0) TRY(store_.instances.WantPower(id, power.wanted == 1));
    // A host that was just booted may not have made the NICs again yet.
    if (power.wanted == 1) TRY(prepare_(id));
    TRY((hypervisor_.*power.change)(id));
    const compute::DomainState state = TRY(hypervisor_.State(id));
    TRY(store_.instances.RecordPower(id, std::string(ToString(state.power)),
                                     /*switched_off=*/false));
    return store_.events.Add(
        {.object_type = "instance", .object = id.value, .message = power.name});
  });
}

Result<std::string> LocalInstances::ReadConsole(const Instance& instance, std::int64_t length) {
  return compute::ReadConsole(compute::InstanceFiles(folder_, instance.uuid).console_log(), length);
}

Result<void> LocalInstances::ClearConsole(const Instance& instance) {
  return compute::TruncateConsole(compute::InstanceFiles(folder_, instance.uuid).console_log());
}

Result<std::string> LocalInstances::OpenScreen(const Instance& instance) {
  const auto screen = TRY(OnWorker<compute::Screen>(instance, [this, id = instance.uuid] {
    return hypervisor_.OpenScreen(id, kScreenValidity);
  }));
  // No event and no line of the log has the password: the answer is the only place.
  TRY(store_.events.Add(
      {.object_type = "instance", .object = instance.uuid.value, .message = "screen opened"}));
  return fmt::format(
      "[virt-viewer]\ntype={}\nhost={}\nport={}\npassword={}\ntitle={}\ndelete-this-file=1\n",
      screen.type, screen_host_, screen.port, screen.password, instance.spec.name);
}

Result<BlobId> LocalInstances::Screenshot(const Instance& instance) {
  const std::string picture = TRY(OnWorker<std::string>(
      instance, [this, id = instance.uuid] { return hypervisor_.Screenshot(id); }));
  const images::BlobFile file = TRY(blobs_.KeepBytes(picture));
  Blob blob;
  blob.sha256 = file.digests.sha256;
  blob.sha512 = file.digests.sha512;
  blob.size = static_cast<std::int64_t>(file.bytes);
  blob.fetched_at = images::UnixNow();
  blob = TRY(store_.blobs.Store(self_, blob));
  TRY(store_.artifacts.Publish({.name_space = instance.spec.name_space,
                                .type = "other",
                                .source_url = SnapshotUrl(instance.uuid, "screenshot"),
                                .blob = blob.uuid,
                                .message = "screenshot taken"}));
  return blob.uuid;
}

}  // namespace sf::api
