// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "node/base/result.h"

namespace sf::images {

struct Digests {
  std::string sha256;
  std::string sha512;
};

/// A file that is kept exactly as it was given.
struct BlobFile {
  Digests digests;
  std::uint64_t bytes = 0;
  std::filesystem::path path;  ///< never written to again
};

/// The stored blobs of this host, byte for byte: <root>/<sha256>, mode 0644. A name appears when
/// its file is whole and on the disk; what a crash leaves has none, and goes at the next start.
///
/// Whoever keeps a file tells the database at once; until Reap()'s age is over, no file goes for
/// want of a row.
///
/// Thread: any; all but Find() and NewPart() block on the disk.
class BlobFiles {
 public:
  explicit BlobFiles(std::filesystem::path root) : root_(std::move(root)) {}

  /// Once, before all else: makes the folder, and removes what a crash left.
  Result<void> Recover();

  /// A path that is nobody else's, for a file that is to be kept: on the same file system. Whoever
  /// does not keep it removes it.
  std::filesystem::path NewPart();

  /// Keeps `part`, which may not be open any more and is used up, also by an error. Without
  /// `digests` it is read for them; a file whose sha256 is not `expected` is kCorrupt.
  Result<BlobFile> Keep(const std::filesystem::path& part, std::optional<Digests> digests = {},
                        const std::optional<std::string>& expected = {});
  Result<BlobFile> KeepBytes(std::string_view bytes);

  std::optional<std::filesystem::path> Find(const std::string& sha256) const;
  /// The length of every file, by sha256.
  Result<std::map<std::string, std::int64_t>> Files() const;

  /// Removes a file that was last kept longer ago than `age`, if that frees its bytes and `permit`
  /// says so. Nobody lists or keeps files meanwhile: what `permit` writes down of it is true.
  Result<bool> GiveUp(const std::string& sha256, std::chrono::seconds age,
                      const std::function<Result<bool>()>& permit);

  /// Removes what is not `needed` and was last kept longer ago than `age`; returns the bytes freed.
  Result<std::uint64_t> Reap(const std::set<std::string>& needed, std::chrono::seconds age);

 private:
  const std::filesystem::path root_;
  std::atomic<std::uint64_t> parts_ = 0;
  mutable std::mutex mutex_;  // of names: one that is kept again is not reaped at that moment
};

/// Reads the file at `path` to its end.
Result<Digests> DigestFile(const std::filesystem::path& path);

}  // namespace sf::images
