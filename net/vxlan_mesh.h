// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <utility>

#include "net/mesh.h"
#include "node/base/result.h"

namespace sf::net {

/// This node's end of every mesh.
///
/// Each call reads the kernel and changes only what differs, so it is safe to repeat and needs no
/// memory of what was done before: after a crash, Keep() again is the recovery.
///
/// Thread: worker (netlink blocks).
class VxlanMesh {
 public:
  explicit VxlanMesh(MeshSettings settings) : settings_(std::move(settings)) {}

  const MeshSettings& settings() const { return settings_; }

  struct Outcome {
    std::size_t changed = 0;  ///< networks of which something was made, altered or removed
    std::map<NetworkId, Error> errors;  ///< networks that are not as they should be
  };
  Result<Kernel> Read() const;
  /// `kernel` is what Read() said before `wanted` was known, so that a mesh that was made meanwhile
  /// is not taken for one that nobody wants.
  Result<Outcome> Keep(const WantedMeshes& wanted, const Kernel& kernel) const;

 private:
  Result<Outcome> CarryOut(const WantedMeshes& wanted, const Kernel& kernel) const;

  const MeshSettings settings_;
};

}  // namespace sf::net
