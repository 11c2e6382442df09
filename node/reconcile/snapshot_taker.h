// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <vector>

#include "compute/domain_xml.h"
#include "compute/hypervisor.h"
#include "images/blob_files.h"
#include "node/base/metrics.h"
#include "node/model/snapshot.h"
#include "node/reconcile/instance_builder.h"
#include "node/reconcile/steps.h"
#include "node/store/store.h"
#include "templates/render.h"

namespace sf::reconcile {

/// Makes the snapshots that are asked for of an instance: copies its disks, keeps the copies as
/// stored blobs, and publishes them. The disks of a guest that runs are copied by libvirt, all as
/// they are at one moment, and it runs on; those of one that is off by qemu-img.
///
/// Every copy stands alone. It fails as a whole and leaves nothing; what a crash has interrupted is
/// not begun again, as its moment is over.
///
/// Thread: worker, one job per instance at a time.
class SnapshotTaker {
 public:
  SnapshotTaker(HostSettings settings, std::uint64_t reserve_bytes, store::Store& store,
                compute::Hypervisor& hypervisor, images::BlobFiles& blobs,
                const Templates& templates, Metrics& metrics)
      : settings_(std::move(settings)),
        reserve_bytes_(reserve_bytes),
        store_(store),
        hypervisor_(hypervisor),
        blobs_(blobs),
        templates_(templates),
        metrics_(metrics) {}

  /// Ends with all of them done or in error. `running`: what the plan was made for; if that has
  /// changed nothing is done, and the next plan sees it. An Error means that the database could not
  /// be told.
  Result<void> Take(const InstanceId& id, bool running, const std::stop_token& stop);

 private:
  /// A snapshot, the disk that it is of, and where the copy is made.
  struct Copy {
    Snapshot snapshot;
    std::filesystem::path disk;
    std::filesystem::path file;
  };

  Result<void> TakeAll(const Instance& instance, const std::vector<Copy>& copies, bool running,
                       Steps& steps, const std::stop_token& stop);
  std::vector<Copy> CopiesOf(const Instance& instance,
                             const std::vector<Snapshot>& snapshots) const;
  Result<void> CheckRoom(const std::vector<Copy>& copies) const;
  Result<void> CopyRunning(const InstanceId& id, const std::vector<Copy>& copies,
                           const std::stop_token& stop);
  Result<void> Follow(const InstanceId& id, const std::stop_token& stop);
  Result<void> Keep(const Instance& instance, const Copy& copy, const Steps& steps,
                    const std::stop_token& stop);

  const HostSettings settings_;
  const std::uint64_t reserve_bytes_;
  store::Store& store_;
  compute::Hypervisor& hypervisor_;
  images::BlobFiles& blobs_;
  const Templates& templates_;
  Metrics& metrics_;
};

}  // namespace sf::reconcile
