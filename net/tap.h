// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "net/link.h"
#include "node/base/file_descriptor.h"
#include "node/base/result.h"

namespace sf::net {

/// A tap device, to which QEMU connects the NIC of a guest. It goes with this object unless it was
/// kept, so whoever fails on the way leaves none behind.
///
/// Thread: worker (blocks).
class Tap {
 public:
  /// kConflict when there is a link of this name.
  static Result<Tap> Make(const std::string& name, const Mac& mac);

  /// It stays, whether anything is connected to it or not, until it is removed as a link.
  Result<void> Keep();

 private:
  explicit Tap(FileDescriptor device) : device_(std::move(device)) {}

  FileDescriptor device_;
};

}  // namespace sf::net
