// SPDX-License-Identifier: Apache-2.0
#include "images/image_cache.h"

#include <system_error>
#include <utility>

#include "images/blob_files.h"
#include "images/file.h"

namespace sf::images {
namespace {

namespace fs = std::filesystem;

/// A directory for one fetch. Whatever happens in it, it goes with its object.
class Scratch {
 public:
  static Result<Scratch> Make(fs::path path) {
    std::error_code error;
    fs::create_directory(path, error);
    if (error) {
      return Fail(Code::kNoCapacity, "cannot make the directory {}: {}", path.string(),
                  error.message());
    }
    return Scratch(std::move(path));
  }
  Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  Scratch& operator=(Scratch&&) = delete;
  ~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }
  fs::path operator/(const char* name) const { return path_ / name; }

 private:
  explicit Scratch(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

std::string FlightKey(const ImageUrl& image) {
  // With the checksum: a leader that was given a wrong one must not fail those who gave none.
  return image.url + "#" + image.sha256.value_or("");
}

/// The file is closed at the end: while it were open, removing it would free no space.
Result<Transferred> TransferTo(const fs::path& path, const std::string& url,
                               const std::optional<UrlRecord>& held, const TransferLimits& limits,
                               const Progress& progress, const std::stop_token& stop) {
  File file = TRY(File::Create(path));
  const auto validators = held ? std::optional(held->validators) : std::nullopt;
  return Transfer(url, validators, file, limits, progress, stop).Run();
}

}  // namespace

ImageCache::ImageCache(fs::path root, ImageLimits limits)
    : root_(std::move(root)), limits_(limits), index_(root_) {}

Result<void> ImageCache::Recover() {
  const std::lock_guard lock(mutex_);
  TRY(index_.Load());
  std::error_code error;
  fs::remove_all(root_ / "incoming", error);
  if (!error) fs::create_directory(root_ / "incoming", error);
  if (!error) fs::permissions(root_ / "incoming", fs::perms::owner_all, error);
  if (error) {
    return Fail(Code::kInternal, "cannot empty {}: {}", (root_ / "incoming").string(),
                error.message());
  }
  return {};
}

Result<CachedImage> ImageCache::Fetch(const ImageUrl& image, const Progress& progress,
                                      const std::stop_token& stop) {
  const std::string key = FlightKey(image);
  Lock lock(mutex_);
  while (!stop.stop_requested()) {
    if (FreshEnoughLocked(image)) {
      const CachedImage found = *FindLocked(image);
      index_.Touch(found.sha256, UnixNow());
      return found;
    }
    const auto flight = flights_.find(key);
    if (flight == flights_.end()) return Lead(lock, key, image, progress, stop);
    if (auto outcome = Follow(lock, *flight->second, progress, stop)) return *std::move(outcome);
  }
  return Fail(Code::kUnavailable, "GET {}: it was cancelled", image.url);
}

Result<CachedImage> ImageCache::Lead(Lock& lock, const std::string& key, const ImageUrl& image,
                                     const Progress& progress, const std::stop_token& stop) {
  Flight flight;
  flight.url = image.url;
  flights_[key] = &flight;
  lock.unlock();
  const Progress shared = [&](std::uint64_t done, std::uint64_t total) {
    {
      const std::lock_guard guard(mutex_);
      flight.done = done;
      flight.total = total;
    }
    changed_.notify_all();
    if (progress) progress(done, total);
  };
  Result<CachedImage> outcome = FetchOrKeep(image, shared, stop);
  lock.lock();
  flights_.erase(key);
  flight.cancelled = !outcome && stop.stop_requested();
  flight.outcome = outcome;
  changed_.notify_all();
  changed_.wait(lock, [&] { return flight.followers == 0; });
  return outcome;
}

std::optional<Result<CachedImage>> ImageCache::Follow(Lock& lock, Flight& flight,
                                                      const Progress& progress,
                                                      const std::stop_token& stop) {
  ++flight.followers;
  for (std::uint64_t seen = 0; !flight.outcome && !stop.stop_requested();) {
    changed_.wait(lock, stop, [&] { return flight.outcome || flight.done != seen; });
    if (flight.done == seen) continue;
    seen = flight.done;
    const std::uint64_t total = flight.total;
    lock.unlock();
    if (progress) progress(seen, total);
    lock.lock();
  }
  std::optional<Result<CachedImage>> outcome;
  if (flight.outcome && !flight.cancelled) {
    outcome = flight.outcome;
    if (*outcome) (*outcome)->fresh = false;
  }
  --flight.followers;
  changed_.notify_all();
  return outcome;
}

Result<CachedImage> ImageCache::FetchOrKeep(const ImageUrl& image, const Progress& progress,
                                            const std::stop_token& stop) {
  // Whoever names a digest that is not here has no copy, whatever the URL led to before.
  std::optional<UrlRecord> held;
  if (!image.sha256) {
    const std::lock_guard lock(mutex_);
    held = index_.FindUrl(image.url);
  }
  Result<CachedImage> fetched = FetchNow(image, held, progress, stop);
  if (fetched || !held || stop.stop_requested()) return fetched;

  const std::lock_guard lock(mutex_);
  std::optional<CachedImage> copy = FindDigestLocked(held->sha256);
  if (!copy) return fetched;
  index_.NoteChecked(image.url, UnixNow());
  index_.Touch(held->sha256, UnixNow());
  copy->stale_reason = fetched.error().message;
  return *std::move(copy);
}

Result<CachedImage> ImageCache::FetchNow(const ImageUrl& image,
                                         const std::optional<UrlRecord>& held,
                                         const Progress& progress, const std::stop_token& stop) {
  const Scratch scratch = TRY(Scratch::Make(NewScratch()));
  const fs::path part = scratch / "image.part";
  const Transferred body = TRY(TransferTo(part, image.url, held, limits_.transfer, progress, stop));

  UrlRecord record{image.url, body.validators, body.sha256, UnixNow()};
  if (body.not_modified) {
    record = *held;
    record.checked_at = UnixNow();
  } else if (image.sha256 && *image.sha256 != body.sha256) {
    return Fail(Code::kCorrupt, "GET {}: the checksum is wrong: sha256 {} was asked for, {} came",
                image.url, *image.sha256, body.sha256);
  } else if (Result<void> admitted = Admit(body, part, stop); !admitted) {
    return Fail(admitted.error().code, "image {}: {}", image.url, admitted.error().message);
  }
  const std::lock_guard lock(mutex_);
  index_.PutUrl(record);
  index_.Touch(record.sha256, UnixNow());
  std::optional<CachedImage> found = FindDigestLocked(record.sha256);
  if (!found) return Fail(Code::kConflict, "image {}: it was evicted meanwhile", image.url);
  found->fresh = !body.not_modified;
  return *std::move(found);
}

Result<void> ImageCache::Admit(const Transferred& body, const fs::path& part,
                               const std::stop_token& stop) {
  {
    const std::lock_guard lock(mutex_);
    if (index_.FindImage(body.sha256)) {
      index_.Touch(body.sha256, UnixNow());  // So that it is not evicted before we return it.
      return {};
    }
  }
  fs::path made = part;
  made.replace_extension(".qcow2");
  const DiskImage disk = TRY(MakeQcow2(part, made, limits_.disk, stop));
  const File file = TRY(File::OpenForReading(made));
  const std::string digest = disk.changed ? TRY(DigestFile(made)).sha256 : body.sha256;
  const std::uint64_t file_bytes = TRY(file.Size());
  const ImageRecord record{.sha256 = body.sha256,
                           .sha512 = body.sha512,
                           .fetched_bytes = body.bytes,
                           .file_sha256 = digest,
                           .file_bytes = file_bytes,
                           .virtual_bytes = disk.virtual_bytes,
                           .source_format = ToString(disk.format),
                           .fetched_at = UnixNow(),
                           .last_used = UnixNow()};
  return Keep(record, made);
}

Result<void> ImageCache::Keep(const ImageRecord& record, const fs::path& file) {
  const fs::path place = index_.ImagePath(record.sha256);
  TRY(Publish(file, place));
  const std::lock_guard lock(mutex_);
  Result<void> recorded = index_.PutImage(record);
  if (!recorded) {
    std::error_code ignored;
    fs::remove(place, ignored);
  }
  return recorded;
}

Result<void> ImageCache::AdmitStored(const BlobFile& kept, const std::stop_token& stop) {
  const Scratch scratch = TRY(Scratch::Make(NewScratch()));
  const fs::path part = scratch / "image.part";
  std::error_code error;
  fs::create_hard_link(kept.path, part, error);
  if (error) fs::copy_file(kept.path, part, error);  // The two may be on two file systems.
  if (error) {
    return Fail(Code::kInternal, "cannot use {}: {}", kept.path.string(), error.message());
  }
  const Transferred body{
      .sha256 = kept.digests.sha256, .sha512 = kept.digests.sha512, .bytes = kept.bytes};
  return Admit(body, part, stop);
}

Result<void> ImageCache::Adopt(const Bring& bring) {
  const Scratch scratch = TRY(Scratch::Make(NewScratch()));
  const fs::path path = scratch / "image.qcow2";
  ImageRecord record = TRY(bring(path));
  const DiskImage disk = TRY(IdentifyDiskImage(path, limits_.disk));
  if (disk.format != DiskFormat::kQcow2) {
    return Fail(Code::kCorrupt, "image {}: what came is not qcow2", record.sha256);
  }
  const File file = TRY(File::OpenForReading(path));
  record.virtual_bytes = disk.virtual_bytes;
  record.file_bytes = TRY(file.Size());
  record.last_used = UnixNow();
  return Keep(record, path);
}

void ImageCache::Learn(const UrlRecord& told) {
  const std::lock_guard lock(mutex_);
  if (!index_.FindImage(told.sha256)) return;
  const auto ours = index_.FindUrl(told.url);
  if (!ours || ours->checked_at < told.checked_at) index_.PutUrl(told);
}

std::optional<UrlRecord> ImageCache::Told(const std::string& url) const {
  const std::lock_guard lock(mutex_);
  return index_.FindUrl(url);
}

std::set<std::string> ImageCache::Fetching() const {
  const std::lock_guard lock(mutex_);
  std::set<std::string> urls;
  for (const auto& [key, flight] : flights_) urls.insert(flight->url);
  return urls;
}

fs::path ImageCache::NewScratch() {
  const std::lock_guard lock(mutex_);
  return root_ / "incoming" / std::to_string(++scratches_);
}

std::optional<CachedImage> ImageCache::Find(const ImageUrl& image) const {
  const std::lock_guard lock(mutex_);
  return FindLocked(image);
}

std::optional<CachedImage> ImageCache::FindDigest(const std::string& sha256) const {
  const std::lock_guard lock(mutex_);
  return FindDigestLocked(sha256);
}

std::vector<std::string> ImageCache::Names() const {
  const std::lock_guard lock(mutex_);
  return index_.NamesByLastUse();
}

std::vector<ImageRecord> ImageCache::Held() const {
  const std::lock_guard lock(mutex_);
  return index_.ByLastUse();
}

bool ImageCache::FreshEnough(const ImageUrl& image) const {
  const std::lock_guard lock(mutex_);
  return FreshEnoughLocked(image);
}

void ImageCache::Touch(const std::string& sha256) {
  const std::lock_guard lock(mutex_);
  index_.Touch(sha256, UnixNow());
}

Result<std::uint64_t> ImageCache::Evict(std::uint64_t bytes_wanted,
                                        const std::set<std::string>& in_use) {
  const std::lock_guard lock(mutex_);
  std::set<std::string> kept = in_use;
  for (const auto& [key, flight] : flights_) {
    if (const auto record = index_.FindUrl(flight->url)) kept.insert(record->sha256);
  }
  const UnixTime idle_since = UnixNow() - static_cast<double>(limits_.eviction_grace.count());
  std::uint64_t freed = 0;
  for (const ImageRecord& record : index_.ByLastUse()) {
    if (freed >= bytes_wanted) break;
    if (kept.contains(record.sha256) || record.last_used > idle_since) continue;
    TRY(index_.RemoveImage(record.sha256));
    freed += record.file_bytes;
  }
  return freed;
}

std::optional<CachedImage> ImageCache::FindLocked(const ImageUrl& image) const {
  if (image.sha256) return FindDigestLocked(*image.sha256);
  const auto record = index_.FindUrl(image.url);
  return record ? FindDigestLocked(record->sha256) : std::nullopt;
}

std::optional<CachedImage> ImageCache::FindDigestLocked(const std::string& sha256) const {
  const auto record = index_.FindImage(sha256);
  if (!record) return std::nullopt;
  return CachedImage{.sha256 = record->sha256,
                     .sha512 = record->sha512,
                     .path = index_.ImagePath(record->sha256),
                     .fetched_bytes = record->fetched_bytes,
                     .file_bytes = record->file_bytes,
                     .virtual_bytes = record->virtual_bytes,
                     .source_format = record->source_format,
                     .fetched_at = record->fetched_at,
                     .fresh = false,
                     .stale_reason = {}};
}

bool ImageCache::FreshEnoughLocked(const ImageUrl& image) const {
  if (image.sha256) return index_.FindImage(*image.sha256).has_value();
  const auto record = index_.FindUrl(image.url);
  return record &&
         UnixNow() - record->checked_at < static_cast<double>(limits_.check_interval.count());
}

}  // namespace sf::images
