// SPDX-License-Identifier: Apache-2.0
#include "node/storage_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sf {

Result<StorageLock> StorageLock::Take(const std::filesystem::path& storage) {
  const std::filesystem::path path = storage / "lock";
  const int descriptor = open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return Fail(Code::kInternal, "cannot open {}: {}", path.string(), std::strerror(errno));
  }
  StorageLock lock(descriptor);
  if (flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
  if (errno == EWOULDBLOCK) {
    return Fail(Code::kConflict, "another sf-node uses {}: stop it, or set STORAGE_PATH",
                storage.string());
  }
  return Fail(Code::kInternal, "cannot lock {}: {}", path.string(), std::strerror(errno));
}

StorageLock::~StorageLock() {
  if (descriptor_ >= 0) close(descriptor_);
}

}  // namespace sf
