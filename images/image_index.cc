// SPDX-License-Identifier: Apache-2.0
#include "images/image_index.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <system_error>

#include "images/digest.h"
#include "images/file.h"
#include "node/base/log.h"

namespace sf::images {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr std::size_t kMaxSidecarBytes = 64 << 10;

json ToJson(const ImageRecord& record) {
  return {{"sha256", record.sha256},
          {"sha512", record.sha512},
          {"fetched_bytes", record.fetched_bytes},
          {"file_sha256", record.file_sha256},
          {"file_bytes", record.file_bytes},
          {"virtual_bytes", record.virtual_bytes},
          {"source_format", record.source_format},
          {"fetched_at", record.fetched_at}};
}

json ToJson(const UrlRecord& record) {
  return {{"url", record.url},
          {"etag", record.validators.etag},
          {"last_modified", record.validators.last_modified},
          {"sha256", record.sha256},
          {"checked_at", record.checked_at}};
}

/// The validators are a server's words; the rest is ours. Neither may stop us with an exception.
std::string Dump(const json& sidecar) {
  return sidecar.dump(2, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace) + "\n";
}

template <class Record, class Read>
std::optional<Record> ReadSidecar(const fs::path& path, const Read& read) {
  const Result<std::string> text = ReadWhole(path, kMaxSidecarBytes);
  if (!text) return std::nullopt;
  try {
    return read(json::parse(*text));
  } catch (const json::exception&) {
    return std::nullopt;
  }
}

std::optional<ImageRecord> ReadImageRecord(const fs::path& path) {
  return ReadSidecar<ImageRecord>(path, [](const json& sidecar) {
    // One written by a release that did not digest files is good for this node alone.
    return ImageRecord{sidecar.at("sha256"),        sidecar.at("sha512"),
                       sidecar.at("fetched_bytes"), sidecar.value("file_sha256", ""),
                       sidecar.at("file_bytes"),    sidecar.at("virtual_bytes"),
                       sidecar.at("source_format"), sidecar.at("fetched_at")};
  });
}

std::optional<UrlRecord> ReadUrlRecord(const fs::path& path) {
  return ReadSidecar<UrlRecord>(path, [](const json& sidecar) {
    return UrlRecord{sidecar.at("url"),
                     {sidecar.at("etag"), sidecar.at("last_modified")},
                     sidecar.at("sha256"),
                     sidecar.at("checked_at")};
  });
}

std::vector<fs::path> FilesIn(const fs::path& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    if (!entry->is_directory(error)) files.push_back(entry->path());
  }
  return files;
}

void Discard(const fs::path& path) {
  std::error_code error;
  fs::remove(path, error);
  if (error)
    log::Warn("image cache could not remove a file path={} error={}", path.string(),
              error.message());
}

Result<void> EnsureDirectory(const fs::path& path, fs::perms mode) {
  std::error_code error;
  fs::create_directories(path, error);
  if (!error) fs::permissions(path, mode, error);
  if (error) {
    return Fail(Code::kInternal, "cannot make the directory {}: {}", path.string(),
                error.message());
  }
  return {};
}

UnixTime ModificationTime(const fs::path& path) {
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) return 0;
  return static_cast<double>(status.st_mtim.tv_sec) +
         static_cast<double>(status.st_mtim.tv_nsec) * 1e-9;
}

void SetModificationTime(const fs::path& path, UnixTime time) {
  const double whole = std::floor(time);
  const timespec moment = {static_cast<time_t>(whole), static_cast<long>((time - whole) * 1e9)};
  const timespec times[2] = {moment, moment};
  // Failing costs the right order of eviction after a restart, no more.
  (void)::utimensat(AT_FDCWD, path.c_str(), times, 0);
}

}  // namespace

UnixTime UnixNow() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

Result<void> ImageIndex::Load() {
  // QEMU's user must be able to walk through the root; nobody else needs to list it.
  constexpr auto kPassable = fs::perms::owner_all | fs::perms::group_exec | fs::perms::others_exec;
  TRY(EnsureDirectory(root_, kPassable));
  TRY(EnsureDirectory(root_ / "urls", fs::perms::owner_all));
  images_.clear();
  urls_.clear();
  LoadImages();
  LoadUrls();
  RemoveStrays();
  return {};
}

fs::path ImageIndex::ImagePath(const std::string& sha256) const {
  return root_ / (sha256 + ".qcow2");
}
fs::path ImageIndex::SidecarPath(const std::string& sha256) const {
  return root_ / (sha256 + ".json");
}
fs::path ImageIndex::UrlPath(const std::string& url) const {
  return root_ / "urls" / (Sha256(url) + ".json");
}

std::optional<ImageRecord> ImageIndex::FindImage(const std::string& sha256) const {
  const auto found = images_.find(sha256);
  return found == images_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<UrlRecord> ImageIndex::FindUrl(const std::string& url) const {
  const auto found = urls_.find(url);
  if (found == urls_.end() || !images_.contains(found->second.sha256)) return std::nullopt;
  return found->second;
}

Result<void> ImageIndex::PutImage(const ImageRecord& record) {
  TRY(WriteWhole(SidecarPath(record.sha256), Dump(ToJson(record)), Durability::kLasting));
  images_[record.sha256] = record;
  return {};
}

void ImageIndex::PutUrl(const UrlRecord& record) {
  urls_[record.url] = record;
  // Not worth an error: lost, it costs one fetch or one question to the server.
  const Result<void> written =
      WriteWhole(UrlPath(record.url), Dump(ToJson(record)), Durability::kOrdinary);
  if (!written) log::Warn("image cache lost a URL's sidecar error={}", written.error().message);
}

void ImageIndex::NoteChecked(const std::string& url, UnixTime now) {
  if (const auto found = urls_.find(url); found != urls_.end()) found->second.checked_at = now;
}

void ImageIndex::Touch(const std::string& sha256, UnixTime now) {
  const auto found = images_.find(sha256);
  if (found == images_.end()) return;
  found->second.last_used = now;
  SetModificationTime(SidecarPath(sha256), now);
}

Result<void> ImageIndex::RemoveImage(const std::string& sha256) {
  // The sidecar first: a crash after it leaves a file that the next Load() removes.
  for (const fs::path& path : {SidecarPath(sha256), ImagePath(sha256)}) {
    std::error_code error;
    fs::remove(path, error);
    if (error) {
      return Fail(Code::kInternal, "cannot remove {}: {}", path.string(), error.message());
    }
  }
  images_.erase(sha256);
  std::erase_if(urls_, [&](const auto& entry) {
    if (entry.second.sha256 != sha256) return false;
    Discard(UrlPath(entry.first));
    return true;
  });
  return {};
}

std::vector<ImageRecord> ImageIndex::ByLastUse() const {
  std::vector<ImageRecord> records;
  for (const auto& [sha256, record] : images_) records.push_back(record);
  std::stable_sort(records.begin(), records.end(),
                   [](const auto& a, const auto& b) { return a.last_used < b.last_used; });
  return records;
}

std::vector<std::string> ImageIndex::NamesByLastUse() const {
  std::multimap<std::string_view, std::string_view> urls;  // by digest
  for (const auto& [url, record] : urls_) urls.emplace(record.sha256, url);
  std::vector<std::string> names;
  const std::vector<ImageRecord> records = ByLastUse();
  for (auto record = records.rbegin(); record != records.rend(); ++record) {
    names.push_back("#sha256=" + record->sha256);
    const auto [first, last] = urls.equal_range(record->sha256);
    for (auto url = first; url != last; ++url) names.emplace_back(url->second);
  }
  return names;
}

void ImageIndex::LoadImages() {
  for (const fs::path& path : FilesIn(root_)) {
    if (path.extension() != ".json") continue;
    std::optional<ImageRecord> record = ReadImageRecord(path);
    std::error_code error;
    // The size is compared because a name may outlive a power failure and its bytes may not.
    if (!record || SidecarPath(record->sha256) != path ||
        fs::file_size(ImagePath(record->sha256), error) != record->file_bytes || error) {
      continue;
    }
    record->last_used = ModificationTime(path);
    images_.emplace(record->sha256, *record);
  }
}

void ImageIndex::LoadUrls() {
  for (const fs::path& path : FilesIn(root_ / "urls")) {
    std::optional<UrlRecord> record = ReadUrlRecord(path);
    if (!record || UrlPath(record->url) != path || !images_.contains(record->sha256)) {
      Discard(path);
      continue;
    }
    urls_.emplace(record->url, *record);
  }
}

void ImageIndex::RemoveStrays() const {
  for (const fs::path& path : FilesIn(root_)) {
    const std::string sha256 = path.stem();
    const bool known = path == ImagePath(sha256) || path == SidecarPath(sha256);
    if (!known || !images_.contains(sha256)) Discard(path);
  }
}

}  // namespace sf::images
