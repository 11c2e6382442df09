// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "images/transfer.h"
#include "node/base/result.h"

namespace sf::images {

/// Seconds since 1970, as the sidecars and the API have them.
using UnixTime = double;
UnixTime UnixNow();

/// One file of the cache.
struct ImageRecord {
  std::string sha256;  ///< of the fetched bytes, as sha512 and fetched_bytes
  std::string sha512;
  std::uint64_t fetched_bytes = 0;
  std::string file_sha256;  ///< of the file, which no other node need have made alike; may be empty
  std::uint64_t file_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::string source_format;
  UnixTime fetched_at = 0;
  UnixTime last_used = 0;
};

/// What a URL led to when it was last asked.
struct UrlRecord {
  std::string url;
  Validators validators;
  std::string sha256;
  UnixTime checked_at = 0;
};

/// The cache's books: which digests and URLs it holds. In memory for reading, and as JSON beside
/// the files for the next start: <sha256>.json for each <sha256>.qcow2, urls/<sha256 of the
/// URL>.json. The last use is the sidecar's own modification time, so that using an image rewrites
/// nothing.
///
/// Thread: any, one at a time (ImageCache's mutex).
class ImageIndex {
 public:
  explicit ImageIndex(std::filesystem::path root) : root_(std::move(root)) {}

  /// Makes the directories, reads the sidecars, and removes everything that is not one whole image
  /// with its sidecar: leftovers of a crash.
  Result<void> Load();

  std::filesystem::path ImagePath(const std::string& sha256) const;

  std::optional<ImageRecord> FindImage(const std::string& sha256) const;
  /// Nothing if the image it led to is gone.
  std::optional<UrlRecord> FindUrl(const std::string& url) const;

  Result<void> PutImage(const ImageRecord& record);
  void PutUrl(const UrlRecord& record);
  /// That `url` was asked without success, so that not every create asks again. Not written down.
  void NoteChecked(const std::string& url, UnixTime now);
  void Touch(const std::string& sha256, UnixTime now);
  /// With its file, and with the URLs that led to it.
  Result<void> RemoveImage(const std::string& sha256);

  /// Least recently used first.
  std::vector<ImageRecord> ByLastUse() const;
  /// What leads to an image that is here, most recently used first: "#sha256=" and its digest, and
  /// each of its URLs.
  std::vector<std::string> NamesByLastUse() const;

 private:
  std::filesystem::path SidecarPath(const std::string& sha256) const;
  std::filesystem::path UrlPath(const std::string& url) const;
  void LoadImages();
  void LoadUrls();
  void RemoveStrays() const;

  const std::filesystem::path root_;
  std::map<std::string, ImageRecord> images_;  // by SHA-256
  std::map<std::string, UrlRecord> urls_;      // by URL
};

}  // namespace sf::images
