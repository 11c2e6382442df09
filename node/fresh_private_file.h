// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "node/base/file_descriptor.h"
#include "node/base/result.h"

namespace sf {

/// A file beside `path`, readable by its owner only, until it takes that one's place; it is removed
/// if it does not. Thread: worker (blocks).
class FreshPrivateFile {
 public:
  static Result<FreshPrivateFile> Begin(const std::filesystem::path& path);
  FreshPrivateFile(FreshPrivateFile&&) = default;
  FreshPrivateFile& operator=(FreshPrivateFile&&) = delete;
  ~FreshPrivateFile();

  int fd() const { return file_.get(); }
  /// What was written is on the disk, and called `path`, before this returns.
  Result<void> Replace();

 private:
  explicit FreshPrivateFile(const std::filesystem::path& path)
      : path_(path), beside_(path.string() + ".new") {}

  std::filesystem::path path_;
  std::filesystem::path beside_;
  FileDescriptor file_;
};

}  // namespace sf
