// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/image_fetcher.h"

#include <chrono>

#include "compute/capacity.h"
#include "images/image_ref.h"
#include "node/base/log.h"

namespace sf::reconcile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kProgressPeriod{1};
constexpr int kProgressesPerEvent = 5;

/// Writes the progress of one fetch to the database, once a period and not for every packet.
class ProgressReport {
 public:
  ProgressReport(store::ArtifactStore& artifacts, const std::string& url)
      : artifacts_(artifacts), url_(url) {}

  void operator()(std::uint64_t done, std::uint64_t total) {
    if (Clock::now() < next_) return;
    next_ = Clock::now() + kProgressPeriod;
    const bool with_event = count_++ % kProgressesPerEvent == 0;
    // A figure that is not written is written by the next one.
    (void)artifacts_.RecordProgress(url_, static_cast<std::int64_t>(done),
                                    static_cast<std::int64_t>(total), with_event);
  }

 private:
  store::ArtifactStore& artifacts_;
  const std::string& url_;
  Clock::time_point next_ = Clock::now() + kProgressPeriod;
  int count_ = 0;
};

Blob ToBlob(const images::CachedImage& image) {
  Blob blob;
  blob.sha256 = image.sha256;
  blob.sha512 = image.sha512;
  blob.size = static_cast<std::int64_t>(image.file_bytes);
  blob.fetched_size = static_cast<std::int64_t>(image.fetched_bytes);
  blob.virtual_size = static_cast<std::int64_t>(image.virtual_bytes);
  blob.source_format = image.source_format;
  blob.fetched_at = image.fetched_at;
  return blob;
}

}  // namespace

Result<void> ImageFetcher::Fetch(const std::string& url, const std::stop_token& stop) {
  const auto source = images::ParseImageUrl(url);
  if (!source) return store_.artifacts.RecordFailure(url, source.error().message);
  TRY(MakeRoom());
  ProgressReport report(store_.artifacts, url);
  const auto image = cache_.Fetch(*source, std::ref(report), stop);
  if (stop.stop_requested()) return Fail(Code::kUnavailable, "the fetch of {} was stopped", url);
  if (!image) {
    log::Warn("image not fetched url={} error={}", url, image.error().message);
    // The artifact first: a crash in between leaves instances that wait, and the next pass fetches
    // and fails again for them.
    TRY(store_.artifacts.RecordFailure(url, image.error().message));
    return store_.instances.FailWaitingFor(self_, url, image.error().message);
  }
  if (image->fresh) log::Info("image fetched url={} bytes={}", url, image->fetched_bytes);
  return store_.artifacts.RecordFetched(url, ToBlob(*image), image->stale_reason);
}

Result<void> ImageFetcher::MakeRoom() {
  const compute::DiskSpace disk = TRY(compute::ReadDiskSpace(folder_));
  if (disk.free_bytes >= reserve_bytes_) return {};
  const auto in_use = TRY(store_.artifacts.DigestsUsedOn(self_));
  const std::uint64_t freed = TRY(cache_.Evict(reserve_bytes_ - disk.free_bytes, in_use));
  if (freed > 0) log::Info("images evicted bytes={}", freed);
  return {};
}

}  // namespace sf::reconcile
