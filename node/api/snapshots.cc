// SPDX-License-Identifier: Apache-2.0
#include "node/api/snapshots.h"

#include "node/api/body.h"
#include "node/api/views.h"

namespace sf::api {
namespace {

using nlohmann::json;

/// What its firmware remembers, which is no disk.
constexpr char kNvram[] = "nvram";

/// What is asked for: all its disks, and then its nvram, too; one of them; or the first disk.
std::vector<std::string> Wanted(const Instance& instance, bool all,
                                const std::optional<std::string>& device) {
  std::vector<std::string> devices;
  for (const InstanceDisk& disk : instance.disks) {
    if (disk.type == "cdrom") continue;
    const bool wanted = device ? disk.device == *device : all || devices.empty();
    if (wanted) devices.push_back(disk.device);
  }
  if (instance.spec.uefi && (device ? *device == kNvram : all)) devices.emplace_back(kNvram);
  return devices;
}

}  // namespace

Result<Response> Snapshots::Take(const Call& call, const Instance& instance) {
  TRY(CheckIsCreated(instance));
  const Fields fields(call.body);
  const bool all = TRY(fields.Flag("all", false));
  const auto device = TRY(fields.NonEmpty("device"));
  // A wish about the space it takes, and no more: every copy stands alone, so that it can be used
  // where the image below the disk is not.
  TRY(fields.Flag("thin", false));
  const std::vector<std::string> devices = Wanted(instance, all, device);
  json answer = json::object();
  if (devices.empty()) return Json(answer);
  for (const Snapshot& snapshot : TRY(store_.snapshots.Request(instance, devices))) {
    answer[snapshot.device] = {{"source_url", SnapshotUrl(snapshot.instance, snapshot.device)},
                               {"artifact_uuid", snapshot.artifact.value},
                               {"blob_uuid", snapshot.blob.value}};
  }
  wake_(instance.node);
  return Json(answer);
}

Result<Response> Snapshots::List(const Call& call) {
  return Json(ViewAll(TRY(store_.snapshots.List(TRY(instances_.Resolve(call))))));
}

}  // namespace sf::api
