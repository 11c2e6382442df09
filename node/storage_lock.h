// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <utility>

#include "node/base/result.h"

namespace sf {

/// The right of one daemon to a STORAGE_PATH, for as long as the object lives. A second one that
/// was started by mistake would take the first one's fetches for the leftovers of a crash. The
/// kernel gives it back however the process ends.
class StorageLock {
 public:
  /// kConflict when another process has it.
  static Result<StorageLock> Take(const std::filesystem::path& storage);

  StorageLock(StorageLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  StorageLock& operator=(StorageLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  ~StorageLock();

 private:
  explicit StorageLock(int descriptor) : descriptor_(descriptor) {}

  int descriptor_;
};

}  // namespace sf
