// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "images/blob_files.h"
#include "images/image_file.h"
#include "images/image_index.h"
#include "images/image_ref.h"
#include "images/transfer.h"
#include "node/base/result.h"

namespace sf::images {

struct ImageLimits {
  TransferLimits transfer = {};
  DiskLimits disk = {};
  std::chrono::seconds check_interval{60};   ///< a copy is believed for so long without a question
  std::chrono::seconds eviction_grace{600};  ///< time for whoever was given an image to use it
};

struct CachedImage {
  std::string sha256;  ///< of the bytes as they were fetched
  std::string sha512;
  std::filesystem::path path;  ///< a qcow2 that stands alone; never written to again
  std::uint64_t fetched_bytes = 0;
  std::uint64_t file_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::string source_format;
  UnixTime fetched_at = 0;
  bool fresh = false;        ///< this very call transferred a body
  std::string stale_reason;  ///< not empty: the source could not confirm the copy, and why
};

/// The images of this host, one qcow2 file per digest of what was fetched.
///
/// A URL is fetched once however many ask for it at the same time; the others wait and share the
/// outcome. A copy is confirmed with its source when it is asked for, at most once per check
/// interval, and stays usable when the source fails. What is not a disk image of ours never gets
/// into the cache, and an error leaves nothing behind.
///
/// Thread: any; Fetch() and Evict() block. Invariant: each <sha256>.qcow2 is whole and stands
/// alone.
class ImageCache {
 public:
  ImageCache(std::filesystem::path root, ImageLimits limits);

  /// Once, before all else: removes what a crash left, and reads the books.
  Result<void> Recover();

  /// `progress` is called on this thread. A stop ends this call only: whoever waits for the same
  /// URL goes on with it.
  Result<CachedImage> Fetch(const ImageUrl& image, const Progress& progress,
                            const std::stop_token& stop);

  /// Takes in an image whose file another node has made. `bring` writes the file to the path that
  /// it is given, makes sure of its digest, and says whose it is. Here it is judged as a
  /// stranger's.
  using Bring = std::function<Result<ImageRecord>(const std::filesystem::path&)>;
  Result<void> Adopt(const Bring& bring);
  /// What another node was told by a source. Nothing happens unless the image is here, and what we
  /// were told ourselves is older.
  void Learn(const UrlRecord& told);
  /// What its source said of `url` when it was last asked.
  std::optional<UrlRecord> Told(const std::string& url) const;
  /// The URLs that are being fetched.
  std::set<std::string> Fetching() const;

  /// Makes the disk image that `kept` is, packed or not, the image of its digest, unless it is here
  /// already. The file stays; a qcow2 is the same file under two names.
  Result<void> AdmitStored(const BlobFile& kept, const std::stop_token& stop);

  /// What we hold, without asking anybody.
  std::optional<CachedImage> Find(const ImageUrl& image) const;
  std::optional<CachedImage> FindDigest(const std::string& sha256) const;
  /// What leads to an image that is held, most recently used first: URLs, and "#sha256=" of
  /// digests.
  std::vector<std::string> Names() const;
  std::vector<ImageRecord> Held() const;  ///< least recently used first
  /// Whether Fetch() would answer at once: held, and checked within the interval, or named by
  /// digest.
  bool FreshEnough(const ImageUrl& image) const;

  void Touch(const std::string& sha256);

  /// Removes images, least recently used first, until `bytes_wanted` are free or none may go, and
  /// returns the bytes freed. Never one of `in_use`, nor one being fetched or just handed out.
  Result<std::uint64_t> Evict(std::uint64_t bytes_wanted, const std::set<std::string>& in_use);

 private:
  /// A fetch under way. It lives on the stack of the thread that leads it, which stays until the
  /// last follower has read the outcome.
  struct Flight {
    std::string url;
    int followers = 0;
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    std::optional<Result<CachedImage>> outcome;
    bool cancelled = false;  ///< the outcome is the leader's own; followers try again
  };
  using Lock = std::unique_lock<std::mutex>;

  Result<CachedImage> Lead(Lock& lock, const std::string& key, const ImageUrl& image,
                           const Progress& progress, const std::stop_token& stop);
  std::optional<Result<CachedImage>> Follow(Lock& lock, Flight& flight, const Progress& progress,
                                            const std::stop_token& stop);
  Result<CachedImage> FetchOrKeep(const ImageUrl& image, const Progress& progress,
                                  const std::stop_token& stop);
  Result<CachedImage> FetchNow(const ImageUrl& image, const std::optional<UrlRecord>& held,
                               const Progress& progress, const std::stop_token& stop);
  /// Makes the fetched bytes at `part` the image of their digest, unless it is here already.
  Result<void> Admit(const Transferred& body, const std::filesystem::path& part,
                     const std::stop_token& stop);
  /// The path of a directory for one file that comes.
  std::filesystem::path NewScratch();
  Result<void> Keep(const ImageRecord& record, const std::filesystem::path& file);

  // These need mutex_.
  std::optional<CachedImage> FindLocked(const ImageUrl& image) const;
  std::optional<CachedImage> FindDigestLocked(const std::string& sha256) const;
  bool FreshEnoughLocked(const ImageUrl& image) const;

  const std::filesystem::path root_;
  const ImageLimits limits_;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable_any changed_;
  ImageIndex index_;
  std::map<std::string, Flight*> flights_;  // by URL and checksum
  std::uint64_t scratches_ = 0;
};

}  // namespace sf::images
