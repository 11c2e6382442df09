// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "node/base/id.h"

namespace sf {

/// A copy of one disk of an instance, which becomes a version of an artifact of its own. States:
/// initial -> creating -> created; error from the first two.
struct Snapshot {
  BlobId blob;
  ArtifactId artifact;
  InstanceId instance;
  std::string device;  ///< as its guest calls it
  std::string state = "initial";
  std::string error_message;
  /// Of the copy under way, of all disks that are copied at the same moment.
  std::int64_t bytes = 0;
  std::int64_t total_bytes = 0;
  double created_at = 0;
};

/// The source URL of the artifact that has the snapshots of a disk as its versions.
inline std::string SnapshotUrl(const InstanceId& instance, const std::string& device) {
  return "sf://instance/" + instance.value + "/" + device;
}

}  // namespace sf
