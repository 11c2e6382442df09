// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "node/base/result.h"

namespace sf::images {

/// An open regular file; its descriptor is closed with it. What we create is mode 0644 whatever the
/// umask says, since QEMU's user must read it.
///
/// Errors name the path; a full disk is kNoCapacity. Thread: any, one at a time.
class File {
 public:
  static Result<File> Create(const std::filesystem::path& path);
  static Result<File> OpenForReading(const std::filesystem::path& path);  ///< kNotFound
  static Result<File> OpenForWriting(const std::filesystem::path& path);  ///< kNotFound

  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  ~File();

  Result<std::uint64_t> Size() const;
  /// Up to `count` bytes at `offset`; fewer only where the file ends.
  Result<std::string> ReadAt(std::uint64_t offset, std::size_t count) const;
  Result<void> WriteAt(std::uint64_t offset, std::string_view bytes);
  Result<void> Resize(std::uint64_t size);
  Result<void> Sync();

 private:
  File(int descriptor, std::filesystem::path path);

  int descriptor_;
  std::filesystem::path path_;
};

/// An Error for errno, as "cannot <verb> <path>: <reason>".
tl::unexpected<Error> FailErrno(std::string_view verb, const std::filesystem::path& path);

/// Puts `from`, whole, in the place of `to`; a reader sees the one or the other.
Result<void> Replace(const std::filesystem::path& from, const std::filesystem::path& to);

/// Makes what happened to the names in `directory` last through a power failure.
Result<void> SyncDirectory(const std::filesystem::path& directory);

/// Replace(), for a file of any maker: readable by all first, and lasting.
Result<void> Publish(const std::filesystem::path& from, const std::filesystem::path& to);

/// Writes beside `path` and renames, so that no reader sees half a file. kLasting survives a power
/// failure, at the price of waiting for the disk.
enum class Durability { kOrdinary, kLasting };
Result<void> WriteWhole(const std::filesystem::path& path,
                        const std::function<Result<void>(File&)>& fill, Durability durability);
Result<void> WriteWhole(const std::filesystem::path& path, std::string_view bytes,
                        Durability durability);

/// kTooLarge when the file has more than `limit` bytes.
Result<std::string> ReadWhole(const std::filesystem::path& path, std::size_t limit);

}  // namespace sf::images
