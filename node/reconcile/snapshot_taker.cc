// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/snapshot_taker.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <system_error>
#include <utility>

#include "compute/capacity.h"
#include "images/image_file.h"
#include "images/image_index.h"
#include "images/qemu_img.h"
#include "node/base/log.h"
#include "node/base/pause.h"

namespace sf::reconcile {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::seconds;

constexpr auto kPollPeriod = std::chrono::milliseconds(200);
constexpr auto kProgressPeriod = seconds(1);
/// A copy that has not moved for so long, or of which libvirtd says nothing, is given up.
constexpr auto kStallLimit = seconds(300);
constexpr auto kOfflineDeadline = std::chrono::hours(6);
/// A copy that is made is not thrown away because the database is away for a moment.
constexpr int kRecordAttempts = 60;

/// Among the devices, the one that is no disk: what the firmware remembers.
constexpr char kNvram[] = "nvram";

template <class T>
Result<T> Insist(const std::stop_token& stop, const std::function<Result<T>()>& record) {
  for (int attempt = 1;; ++attempt) {
    Result<T> done = record();
    const bool away = !done && done.error().code == Code::kUnavailable;
    if (!away || attempt == kRecordAttempts || !Pause(seconds(1), stop)) return done;
  }
}

/// Two copies of a disk that nobody wrote to would be the same bytes, and so the same blob, of
/// which only one could have the UUID that was given away for it. QEMU ignores what follows the
/// last cluster, and whoever makes an nvram of a copy what follows its last block.
Result<void> Mark(const std::filesystem::path& file, const BlobId& blob) {
  std::ofstream stream(file, std::ios::binary | std::ios::app);
  stream << blob.value;
  stream.close();
  if (!stream) return Fail(Code::kNoCapacity, "cannot append to {}", file.string());
  return {};
}

Result<void> CopyFile(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  std::filesystem::copy_file(from, to, error);
  if (!error) return {};
  return Fail(Code::kInternal, "cannot copy {}: {}", from.string(), error.message());
}

void Remove(const std::filesystem::path& file) {
  std::error_code error;
  std::filesystem::remove(file, error);
  if (error) log::Warn("a copy was not removed path={} error={}", file.string(), error.message());
}

}  // namespace

Result<void> SnapshotTaker::Take(const InstanceId& id, bool running, const std::stop_token& stop) {
  Steps steps("snapshot", metrics_);
  const std::vector<Snapshot> wanted = TRY(store_.snapshots.UnderWayOf(id));
  if (wanted.empty()) return {};
  const Instance instance = TRY(store_.instances.Find(id));
  const std::vector<Copy> copies = CopiesOf(instance, wanted);

  // Nobody but this job claims them, and it ends them: these were begun before the last start.
  const bool interrupted = std::ranges::any_of(
      wanted, [](const Snapshot& snapshot) { return snapshot.state == "creating"; });
  auto taken = interrupted
                   ? Result<void>(Fail(Code::kInternal, "node {} was stopped while it was taken",
                                       settings_.self))
                   : TakeAll(instance, copies, running, steps, stop);
  if (taken) {
    log::Info("snapshot taken instance={} disks={} seconds={:.3f}", id, copies.size(),
              steps.seconds());
    return {};
  }
  if (taken.error().code == Code::kNotReady) return {};
  if (const auto aborted = hypervisor_.AbortCopy(id); !aborted) {
    log::Warn("a copy goes on instance={} error={}", id, aborted.error().message);
  }
  for (const Copy& copy : copies) Remove(copy.file);
  log::Warn("snapshot failed instance={} error={}", id, taken.error().message);
  return store_.snapshots.Fail(id, taken.error().message);
}

std::vector<SnapshotTaker::Copy> SnapshotTaker::CopiesOf(
    const Instance& instance, const std::vector<Snapshot>& snapshots) const {
  const compute::InstanceFiles files(settings_.instances_folder, instance.uuid);
  std::vector<Copy> copies;
  for (const Snapshot& snapshot : snapshots) {
    if (snapshot.device == kNvram) {
      copies.push_back({snapshot, files.nvram(), files.Copy(kNvram)});
      continue;
    }
    const auto disk = std::ranges::find(instance.disks, snapshot.device, &InstanceDisk::device);
    const auto position = static_cast<std::size_t>(disk - instance.disks.begin());
    copies.push_back({snapshot, files.Disk(position), files.Copy(snapshot.device)});
  }
  return copies;
}

Result<void> SnapshotTaker::TakeAll(const Instance& instance, const std::vector<Copy>& copies,
                                    bool running, Steps& steps, const std::stop_token& stop) {
  const InstanceId& id = instance.uuid;
  if (instance.state != InstanceState::kCreated) {
    return Fail(Code::kConflict, "instance {} is {}", id, ToString(instance.state));
  }
  const compute::Power power = TRY(hypervisor_.State(id)).power;
  const bool runs = power == compute::Power::kOn || power == compute::Power::kPaused;
  if (runs != running) return Fail(Code::kNotReady, "instance {} is not as it was planned", id);
  TRY(steps.Run("room", [&] { return CheckRoom(copies); }));
  TRY(steps.Run("claim", [&] { return store_.snapshots.Claim(id); }));
  TRY(steps.Run("copy", [&]() -> Result<void> {
    for (const Copy& copy : copies) Remove(copy.file);
    if (running) return CopyRunning(id, copies, stop);
    for (const Copy& copy : copies) {
      TRY(copy.snapshot.device == kNvram
              ? CopyFile(copy.disk, copy.file)
              : images::QemuImgConvert(copy.disk, images::DiskFormat::kQcow2, copy.file,
                                       kOfflineDeadline, stop));
    }
    return {};
  }));
  return steps.Run("keep", [&]() -> Result<void> {
    for (const Copy& copy : copies) TRY(Keep(instance, copy, steps, stop));
    return {};
  });
}

Result<void> SnapshotTaker::CheckRoom(const std::vector<Copy>& copies) const {
  std::uint64_t needed = 0;
  for (const Copy& copy : copies) {
    if (copy.snapshot.device != kNvram) needed += TRY(images::QemuImgMeasure(copy.disk));
  }
  const std::uint64_t free = TRY(compute::ReadDiskSpace(settings_.instances_folder)).free_bytes;
  if (free >= needed + reserve_bytes_) return {};
  return Fail(Code::kNoCapacity, "it needs {} bytes, and node {} has {} free, of which it keeps {}",
              needed, settings_.self, free, reserve_bytes_);
}

Result<void> SnapshotTaker::CopyRunning(const InstanceId& id, const std::vector<Copy>& copies,
                                        const std::stop_token& stop) {
  std::vector<compute::DiskCopy> disks;
  for (const Copy& copy : copies) {
    if (copy.snapshot.device != kNvram) disks.push_back({copy.snapshot.device, copy.file.string()});
  }
  if (!disks.empty()) TRY(hypervisor_.BeginCopy(id, TRY(compute::CopyXml(disks, templates_))));
  // Half a megabyte, which firmware seldom writes to: its moment is that of the disks, or as good.
  for (const Copy& copy : copies) {
    if (copy.snapshot.device == kNvram) TRY(CopyFile(copy.disk, copy.file));
  }
  return disks.empty() ? Result<void>() : Follow(id, stop);
}

Result<void> SnapshotTaker::Follow(const InstanceId& id, const std::stop_token& stop) {
  compute::CopyProgress last;
  Clock::time_point moved = Clock::now();
  Clock::time_point told = moved;
  while (Pause(kPollPeriod, stop)) {
    const auto progress = hypervisor_.FollowCopy(id);
    // libvirtd may be starting again: the copy is QEMU's, and goes on.
    if (!progress && progress.error().code != Code::kUnavailable) {
      return tl::unexpected(progress.error());
    }
    if (progress && progress->done) return {};
    if (progress && progress->bytes != last.bytes) {
      last = *progress;
      moved = Clock::now();
    }
    if (Clock::now() - moved > kStallLimit) {
      return Fail(Code::kTimeout, "its copy did not move for {} s", kStallLimit.count());
    }
    if (Clock::now() - told > kProgressPeriod) {
      told = Clock::now();
      // A figure that is not written is written by the next one.
      (void)store_.snapshots.RecordProgress(id, static_cast<std::int64_t>(last.bytes),
                                            static_cast<std::int64_t>(last.total_bytes));
    }
  }
  return Fail(Code::kUnavailable, "node {} was stopped while it was taken", settings_.self);
}

Result<void> SnapshotTaker::Keep(const Instance& instance, const Copy& copy, const Steps& steps,
                                 const std::stop_token& stop) {
  const Snapshot& snapshot = copy.snapshot;
  TRY(Mark(copy.file, snapshot.blob));
  images::DiskImage disk;
  const bool is_disk = snapshot.device != kNvram;
  if (is_disk) disk = TRY(images::IdentifyDiskImage(copy.file, {}));
  const images::BlobFile file = TRY(blobs_.Keep(copy.file));
  Blob blob;
  blob.uuid = snapshot.blob;
  blob.sha256 = file.digests.sha256;
  blob.sha512 = file.digests.sha512;
  blob.size = static_cast<std::int64_t>(file.bytes);
  blob.virtual_size = static_cast<std::int64_t>(disk.virtual_bytes);
  if (is_disk) blob.source_format = ToString(disk.format);
  blob.fetched_at = images::UnixNow();
  TRY(Insist<Blob>(stop, [&] { return store_.blobs.Store(settings_.self, blob); }));
  TRY(Insist<Artifact>(stop, [&] {
    return store_.artifacts.Publish(
        {.name_space = instance.spec.name_space,
         .type = "snapshot",
         .source_url = SnapshotUrl(instance.uuid, snapshot.device),
         .blob = blob.uuid,
         .message = "snapshot taken of instance " + instance.uuid.value});
  }));
  return Insist<void>(stop, [&] {
    return store_.snapshots.Done(blob.uuid, {.object_type = "instance",
                                             .object = instance.uuid.value,
                                             .message = "snapshot taken of " + snapshot.device,
                                             .extra = {{"device", snapshot.device},
                                                       {"blob_uuid", blob.uuid.value},
                                                       {"artifact_uuid", snapshot.artifact.value},
                                                       {"bytes", blob.size},
                                                       {"stages_ms", steps.milliseconds()}},
                                             .duration_s = steps.seconds()});
  });
}

}  // namespace sf::reconcile
