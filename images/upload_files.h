// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "images/blob_files.h"
#include "images/digest.h"
#include "node/base/result.h"

namespace sf::images {

struct UploadLimits {
  std::uint64_t max_bytes = std::uint64_t{50} << 30;
  std::uint64_t reserve_bytes = 0;  ///< of disk space that stay free
};

/// Uploads under way on this host, a file each, in the folder of the blobs that they become. Their
/// bytes are digested as they come, so that the end of a long one does not keep its client waiting;
/// what was cut back, or came before this process began, is read again then.
///
/// Thread: any (blocks on the disk). One call at a time on the same upload: another is kConflict.
class UploadFiles {
 public:
  using Sink = std::function<Result<void>(std::string_view bytes)>;
  using Source = std::function<Result<void>(const Sink&)>;

  /// `make_room` is asked for so many bytes when the disk is too full.
  UploadFiles(std::filesystem::path root, UploadLimits limits,
              std::function<void(std::uint64_t bytes)> make_room)
      : root_(std::move(root)), limits_(limits), make_room_(std::move(make_room)) {}

  /// Once, before all else: makes the folder.
  Result<void> Recover();

  Result<void> Begin(const std::string& uuid);
  /// Adds what `read` gives, and returns how many bytes there are then. With `at`, only if so many
  /// are there before, else kConflict. An error adds nothing: kTooLarge past the limit, kNoCapacity
  /// when the disk is full.
  Result<std::uint64_t> Append(const std::string& uuid, std::optional<std::uint64_t> at,
                               const Source& read);
  /// Cuts it back to `bytes`; kInvalid if there are fewer.
  Result<void> Truncate(const std::string& uuid, std::uint64_t bytes);
  /// Makes it a blob, and ends it.
  Result<BlobFile> Finish(const std::string& uuid, BlobFiles& blobs);
  Result<void> Remove(const std::string& uuid);

  /// For how long nothing was added to each.
  std::map<std::string, std::chrono::seconds> Idle() const;

 private:
  struct Running {
    bool busy = false;
    RunningDigest digest;
    std::uint64_t digested = 0;  ///< of its bytes, from the first
  };

  template <class T>
  Result<T> Alone(const std::string& uuid, const std::function<Result<T>(Running&)>& body);
  Result<void> CheckRoom(const std::string& uuid, std::uint64_t size, std::size_t more) const;
  std::filesystem::path PathOf(const std::string& uuid) const { return root_ / uuid; }

  const std::filesystem::path root_;
  const UploadLimits limits_;
  const std::function<void(std::uint64_t)> make_room_;
  std::mutex mutex_;  // guards the map; what is in it belongs to whoever made it busy
  std::map<std::string, Running> running_;
};

}  // namespace sf::images
