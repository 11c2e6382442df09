// SPDX-License-Identifier: Apache-2.0
#include "images/blob_files.h"

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "images/digest.h"
#include "images/file.h"

namespace sf::images {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDigestDigits = 64;
constexpr std::size_t kReadBytes = 1 << 20;

bool IsDigest(std::string_view name) {
  return name.size() == kDigestDigits &&
         name.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

/// Takes the file along when it is left.
class Part {
 public:
  explicit Part(fs::path path) : path_(std::move(path)) {}
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;
  ~Part() {
    std::error_code ignored;
    fs::remove(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  const fs::path path_;
};

}  // namespace

Result<void> BlobFiles::Recover() {
  const fs::path incoming = root_ / "incoming";
  std::error_code error;
  fs::remove_all(incoming, error);
  if (!error) fs::create_directories(incoming, error);
  if (!error) fs::permissions(incoming, fs::perms::owner_all, error);
  // QEMU's own user passes through to what lies below a disk; it need not list.
  if (!error) fs::permissions(root_, fs::perms(0711), error);
  if (error) {
    return Fail(Code::kInternal, "cannot make {} anew: {}", incoming.string(), error.message());
  }
  return {};
}

fs::path BlobFiles::NewPart() { return root_ / "incoming" / std::to_string(++parts_); }

Result<BlobFile> BlobFiles::Keep(const fs::path& part, std::optional<Digests> digests,
                                 const std::optional<std::string>& expected) {
  const Part owned(part);
  if (!digests) digests = TRY(DigestFile(part));
  if (expected && *expected != digests->sha256) {
    return Fail(Code::kCorrupt, "sha256 {} was expected, and {} came", *expected, digests->sha256);
  }
  BlobFile kept{*std::move(digests), 0, {}};
  kept.bytes = TRY(TRY(File::OpenForReading(part)).Size());
  kept.path = root_ / kept.digests.sha256;
  const std::lock_guard lock(mutex_);
  // Also in the place of equal bytes: it is as if they had just been kept, and so are not reaped.
  std::error_code error;
  fs::last_write_time(part, fs::file_time_type::clock::now(), error);
  TRY(Publish(part, kept.path));
  return kept;
}

Result<BlobFile> BlobFiles::KeepBytes(std::string_view bytes) {
  const Part part(NewPart());
  TRY(TRY(File::Create(part.path())).WriteAt(0, bytes));
  return Keep(part.path());
}

std::optional<fs::path> BlobFiles::Find(const std::string& sha256) const {
  std::error_code error;
  fs::path path = root_ / sha256;
  return fs::is_regular_file(path, error) ? std::optional(std::move(path)) : std::nullopt;
}

Result<std::map<std::string, std::int64_t>> BlobFiles::Files() const {
  std::map<std::string, std::int64_t> files;
  const std::lock_guard lock(mutex_);
  std::error_code error;
  for (fs::directory_iterator entry(root_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename();
    std::error_code gone;
    const std::uintmax_t bytes = IsDigest(name) ? entry->file_size(gone) : 0;
    if (IsDigest(name) && !gone) files[name] = static_cast<std::int64_t>(bytes);
  }
  if (error) {
    return Fail(Code::kInternal, "cannot list {}: {}", root_.string(), error.message());
  }
  return files;
}

Result<bool> BlobFiles::GiveUp(const std::string& sha256, std::chrono::seconds age,
                               const std::function<Result<bool>()>& permit) {
  const std::lock_guard lock(mutex_);
  const fs::path path = root_ / sha256;
  std::error_code error;
  const auto kept = fs::last_write_time(path, error);
  if (error || kept > fs::file_time_type::clock::now() - age) return false;
  // An image in use may be the same file under another name.
  if (fs::hard_link_count(path, error) > 1 || error || !TRY(permit())) return false;
  fs::remove(path, error);
  if (error) return Fail(Code::kInternal, "cannot remove {}: {}", path.string(), error.message());
  return true;
}

Result<std::uint64_t> BlobFiles::Reap(const std::set<std::string>& needed,
                                      std::chrono::seconds age) {
  const auto files = TRY(Files());
  const auto kept_since = fs::file_time_type::clock::now() - age;
  std::uint64_t freed = 0;
  for (const auto& [sha256, bytes] : files) {
    if (needed.contains(sha256)) continue;
    const std::lock_guard lock(mutex_);
    std::error_code error;
    const fs::path path = root_ / sha256;
    if (fs::last_write_time(path, error) > kept_since || error) continue;
    if (!fs::remove(path, error)) continue;
    freed += static_cast<std::uint64_t>(bytes);
  }
  return freed;
}

Result<Digests> DigestFile(const fs::path& path) {
  const File file = TRY(File::OpenForReading(path));
  RunningDigest digest;
  for (std::uint64_t at = 0;;) {
    const std::string piece = TRY(file.ReadAt(at, kReadBytes));
    if (piece.empty()) break;
    digest.Update(piece);
    at += piece.size();
  }
  return Digests{digest.FinishSha256(), digest.FinishSha512()};
}

}  // namespace sf::images
