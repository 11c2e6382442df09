// SPDX-License-Identifier: Apache-2.0
#include "images/upload_files.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "images/file.h"

namespace sf::images {
namespace {

namespace fs = std::filesystem;

/// That are asked for at once, so that it is not done for each piece.
constexpr std::uint64_t kRoomBytes = 64 << 20;

}  // namespace

Result<void> UploadFiles::Recover() {
  std::error_code error;
  fs::create_directories(root_, error);
  if (!error) fs::permissions(root_, fs::perms::owner_all, error);
  if (error) return Fail(Code::kInternal, "cannot make {}: {}", root_.string(), error.message());
  return {};
}

template <class T>
Result<T> UploadFiles::Alone(const std::string& uuid,
                             const std::function<Result<T>(Running&)>& body) {
  std::unique_lock lock(mutex_);
  Running& running = running_[uuid];
  if (running.busy) return Fail(Code::kConflict, "upload {} is being changed already", uuid);
  running.busy = true;
  lock.unlock();
  Result<T> done = body(running);
  std::error_code error;
  const bool over = !fs::exists(PathOf(uuid), error);
  lock.lock();
  running.busy = false;
  if (over) running_.erase(uuid);
  return done;
}

Result<void> UploadFiles::Begin(const std::string& uuid) {
  return Alone<void>(uuid, [&](Running&) -> Result<void> {
    TRY(CheckRoom(uuid, 0, 0));
    TRY(File::Create(PathOf(uuid)));
    return {};
  });
}

Result<void> UploadFiles::CheckRoom(const std::string& uuid, std::uint64_t size,
                                    std::size_t more) const {
  if (more > limits_.max_bytes - std::min(size, limits_.max_bytes)) {
    return Fail(Code::kTooLarge, "upload {} has more than {} bytes", uuid, limits_.max_bytes);
  }
  const auto has_room = [&] {
    std::error_code error;
    const fs::space_info space = fs::space(root_, error);
    return !error && space.available >= limits_.reserve_bytes + more;
  };
  if (has_room()) return {};
  make_room_(kRoomBytes);
  if (has_room()) return {};
  return Fail(Code::kNoCapacity, "the disk has no room for upload {}: {} bytes stay free", uuid,
              limits_.reserve_bytes);
}

Result<std::uint64_t> UploadFiles::Append(const std::string& uuid, std::optional<std::uint64_t> at,
                                          const Source& read) {
  return Alone<std::uint64_t>(uuid, [&](Running& running) -> Result<std::uint64_t> {
    File file = TRY(File::OpenForWriting(PathOf(uuid)));
    const std::uint64_t before = TRY(file.Size());
    if (at && *at != before) {
      return Fail(Code::kConflict, "upload {} has {} bytes, and not {}", uuid, before, *at);
    }
    std::uint64_t size = before;
    const Result<void> added = read([&](std::string_view piece) -> Result<void> {
      TRY(CheckRoom(uuid, size, piece.size()));
      TRY(file.WriteAt(size, piece));
      if (running.digested == size) {
        running.digest.Update(piece);
        running.digested += piece.size();
      }
      size += piece.size();
      return {};
    });
    if (added) return size;
    running.digest = {};
    running.digested = 0;
    TRY(file.Resize(before));
    return tl::unexpected(added.error());
  });
}

Result<void> UploadFiles::Truncate(const std::string& uuid, std::uint64_t bytes) {
  return Alone<void>(uuid, [&](Running& running) -> Result<void> {
    File file = TRY(File::OpenForWriting(PathOf(uuid)));
    const std::uint64_t size = TRY(file.Size());
    if (bytes > size) {
      return Fail(Code::kInvalid, "upload {} has {} bytes, fewer than {}", uuid, size, bytes);
    }
    if (running.digested > bytes) {
      running.digest = {};
      running.digested = 0;
    }
    return file.Resize(bytes);
  });
}

Result<BlobFile> UploadFiles::Finish(const std::string& uuid, BlobFiles& blobs) {
  return Alone<BlobFile>(uuid, [&](Running& running) -> Result<BlobFile> {
    const std::uint64_t size = TRY(TRY(File::OpenForReading(PathOf(uuid))).Size());
    std::optional<Digests> digests;
    if (running.digested == size) {
      digests = Digests{running.digest.FinishSha256(), running.digest.FinishSha512()};
    }
    return blobs.Keep(PathOf(uuid), std::move(digests));
  });
}

Result<void> UploadFiles::Remove(const std::string& uuid) {
  return Alone<void>(uuid, [&](Running&) -> Result<void> {
    std::error_code error;
    fs::remove(PathOf(uuid), error);
    if (error) {
      return Fail(Code::kInternal, "cannot remove {}: {}", PathOf(uuid).string(), error.message());
    }
    return {};
  });
}

std::map<std::string, std::chrono::seconds> UploadFiles::Idle() const {
  std::map<std::string, std::chrono::seconds> idle;
  const auto now = fs::file_time_type::clock::now();
  std::error_code error;
  for (fs::directory_iterator entry(root_, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code gone;
    const auto written = entry->last_write_time(gone);
    if (gone) continue;
    idle[entry->path().filename()] =
        std::chrono::duration_cast<std::chrono::seconds>(now - written);
  }
  return idle;
}

}  // namespace sf::images
