// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/image_fetcher.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "images/image_ref.h"
#include "node/base/log.h"

namespace sf::reconcile {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kProgressPeriod{1};
constexpr int kProgressesPerEvent = 5;

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

/// The right to ask a source, which one node has at a time.
class Claim {
 public:
  /// kNotReady: another node that is alive has it.
  static Result<Claim> Take(store::ImageSourceStore& sources, const BlobCopier& copier,
                            const NodeId& self, const std::string& url) {
    NodeId asker = TRY(sources.Claim(url, self));
    if (asker != self && !copier.CanReach(asker)) asker = TRY(sources.Claim(url, self, asker));
    if (asker == self) return Claim(sources, self, url);
    return Fail(Code::kNotReady, "node {} fetches {}", asker, url);
  }
  Claim(Claim&& other) noexcept
      : sources_(std::exchange(other.sources_, nullptr)), self_(other.self_), url_(other.url_) {}
  Claim& operator=(Claim&&) = delete;
  ~Claim() {
    // Not given back, it is by ForgetClaims().
    if (sources_ != nullptr) (void)sources_->Release(url_, self_);
  }

 private:
  Claim(store::ImageSourceStore& sources, NodeId self, std::string url)
      : sources_(&sources), self_(std::move(self)), url_(std::move(url)) {}

  store::ImageSourceStore* sources_;
  const NodeId self_;
  const std::string url_;
};

}  // namespace

/// Writes the progress of one fetch to the database, once a period and not for every packet.
class ImageFetcher::ProgressReport {
 public:
  ProgressReport(store::ArtifactStore& artifacts, const std::string& url)
      : artifacts_(artifacts), url_(url) {}

  void operator()(std::uint64_t done, std::uint64_t total) {
    if (Clock::now() < next_) return;
    next_ = Clock::now() + kProgressPeriod;
    const bool with_event = count_++ % kProgressesPerEvent == 0;
    // A figure that is not written is written by the next one.
    (void)artifacts_.RecordProgress(url_, static_cast<std::int64_t>(done),
                                    static_cast<std::int64_t>(total), with_event, from);
  }

  NodeId from;         ///< which node the bytes come from; empty: the source
  NodeId copied_from;  ///< which node gave all of them

 private:
  store::ArtifactStore& artifacts_;
  const std::string& url_;
  Clock::time_point next_ = Clock::now() + kProgressPeriod;
  int count_ = 0;
};

ImageFetcher::ImageFetcher(NodeId self, store::Store& store, images::ImageCache& cache,
                           BlobShelf& shelf, BlobCopier& copier, Metrics& metrics)
    : self_(std::move(self)), store_(store), cache_(cache), shelf_(shelf), copier_(copier) {
  metrics.Counter(
      "shakenfist_image_requests_total",
      "What asking the source of an image came to; stale: it was away, and the copy "
      "here had to do.",
      "result",
      {{"fetched", fetched_}, {"confirmed", confirmed_}, {"stale", stale_}, {"failed", failed_}});
  metrics.Counter("shakenfist_image_fetched_bytes_total", "Bytes of images had from their sources.",
                  fetched_bytes_);
  metrics.Gauge("shakenfist_image_cache_images", "Images in the cache of this node.",
                [this] { return static_cast<double>(cache_.Held().size()); });
  metrics.Gauge("shakenfist_image_cache_bytes", "What their files take up.", [this] {
    std::uint64_t bytes = 0;
    for (const images::ImageRecord& image : cache_.Held()) bytes += image.file_bytes;
    return static_cast<double>(bytes);
  });
}

Result<void> ImageFetcher::Fetch(const std::string& url, const std::stop_token& stop) {
  const auto source = images::ParseImageSource(url);
  if (!source) return store_.artifacts.RecordFailure(url, source.error().message);
  if (images::BlobOf(*source)) return FetchBlob(url, *source, stop);
  TRY(shelf_.MakeRoom());
  ProgressReport report(store_.artifacts, url);
  const bool worth_asking = TRY(AskPeers(*source, report, stop));
  if (cache_.FreshEnough(*source)) {
    return Record(url, TRY(cache_.Fetch(*source, {}, stop)), report);
  }
  const Claim claim = TRY(Claim::Take(store_.image_sources, copier_, self_, source->url));
  // Whoever asked the source until now has told what it said.
  if (worth_asking) TRY(AskPeers(*source, report, stop));
  report.from = {};
  const auto image = cache_.Fetch(*source, std::ref(report), stop);
  if (stop.stop_requested()) return Fail(Code::kUnavailable, "the fetch of {} was stopped", url);
  if (!image) {
    ++failed_;
    log::Warn("image not fetched url={} error={}", url, image.error().message);
    // The artifact first: a crash in between leaves instances that wait, and the next pass fetches
    // and fails again for them.
    TRY(store_.artifacts.RecordFailure(url, image.error().message));
    return store_.instances.FailWaitingFor(self_, url, image.error().message);
  }
  ++(image->fresh ? fetched_ : image->stale_reason.empty() ? confirmed_ : stale_);
  if (image->fresh) {
    fetched_bytes_ += image->fetched_bytes;
    log::Info("image fetched url={} bytes={}", url, image->fetched_bytes);
  }
  TRY(Record(url, *image, report));
  // Where it is has been recorded: whoever reads this next finds it there.
  return Tell(source->url);
}

// What others know is taken in as if we had asked ourselves, also when it is too old to be believed
// unasked: the source then confirms it without sending it, or is away and cannot, or has something
// new, and the copy was for nothing.
Result<bool> ImageFetcher::AskPeers(const images::ImageUrl& image, ProgressReport& report,
                                    const std::stop_token& stop) {
  if (image.sha256 && cache_.FindDigest(*image.sha256)) return true;
  const auto known = TRY(image.sha256 ? store_.image_sources.FindDigest(*image.sha256)
                                      : store_.image_sources.FindUrl(image.url));
  if (!known) return true;
  const double heard_at = images::UnixNow() - known->age_s;
  const auto told = cache_.Told(image.url);
  if (!image.sha256 && told && told->checked_at >= heard_at) return true;
  if (!cache_.FindDigest(known->blob.sha256)) {
    const auto copied = Copy(*known, report, stop);
    if (!copied && copied.error().code == Code::kNotReady) return tl::unexpected(copied.error());
    if (!copied) {
      log::Info("image not copied url={} error={}", image.url, copied.error().message);
      return copied.error().code == Code::kNotFound;
    }
  }
  if (!image.sha256) {
    cache_.Learn({image.url, {known->etag, known->last_modified}, known->blob.sha256, heard_at});
  }
  return true;
}

Result<void> ImageFetcher::Copy(const store::KnownImage& known, ProgressReport& report,
                                const std::stop_token& stop) {
  const Blob& blob = known.blob;
  auto holders = copier_.Reachable(TRY(store_.image_sources.Holders(blob.uuid)));
  if (holders.empty()) return Fail(Code::kNotFound, "no node that answers has it");
  return cache_.Adopt([&](const std::filesystem::path& path) -> Result<images::ImageRecord> {
    const auto progress = [&](const NodeId& from, std::uint64_t done, std::uint64_t total) {
      report.from = from;
      report(done, total);
    };
    const auto from = TRY(copier_.Copy(blob.uuid, std::move(holders), path, progress, stop));
    log::Info("image copied sha256={} node={} bytes={}", blob.sha256, from.node, from.bytes);
    report.copied_from = from.node;
    return images::ImageRecord{.sha256 = blob.sha256,
                               .sha512 = blob.sha512,
                               .fetched_bytes = static_cast<std::uint64_t>(blob.fetched_size),
                               .file_sha256 = from.file_sha256,
                               .source_format = blob.source_format,
                               .fetched_at = blob.fetched_at};
  });
}

Result<void> ImageFetcher::Record(const std::string& url, const images::CachedImage& image,
                                  const ProgressReport& report) {
  std::string note = image.stale_reason;
  if (note.empty() && !report.copied_from.empty()) {
    note = fmt::format("image copied from node {}", report.copied_from);
  }
  TRY(store_.artifacts.RecordFetched(url, ToBlob(image), note));
  return shelf_.RecordHeld();
}

// Also that it said nothing, and the copy is used for as long as if it had: else every node in its
// turn would wait for a source that is away.
Result<void> ImageFetcher::Tell(const std::string& url) {
  const auto told = cache_.Told(url);
  if (!told) return {};
  store::KnownImage known;
  known.blob.sha256 = told->sha256;
  known.etag = told->validators.etag;
  known.last_modified = told->validators.last_modified;
  known.age_s = std::max(0.0, images::UnixNow() - told->checked_at);
  return store_.image_sources.Record(url, known);
}

Result<void> ImageFetcher::ForgetClaims() {
  return store_.image_sources.KeepClaims(self_, cache_.Fetching());
}

// A blob is known already: only the instances that wait for it are to hear of a failure.
Result<void> ImageFetcher::FetchBlob(const std::string& source, const images::ImageUrl& image,
                                     const std::stop_token& stop) {
  if (cache_.FindDigest(*image.sha256)) return {};
  TRY(shelf_.MakeRoom());
  ProgressReport report(store_.artifacts, source);
  const auto brought = BringBlob(BlobId(*images::BlobOf(image)), report, stop);
  if (brought) return {};
  const Code code = brought.error().code;
  if (stop.stop_requested() || code == Code::kUnavailable || code == Code::kNotReady) {
    return brought;
  }
  log::Warn("blob not usable source={} error={}", source, brought.error().message);
  return store_.instances.FailWaitingFor(self_, source, brought.error().message);
}

Result<void> ImageFetcher::BringBlob(const BlobId& id, ProgressReport& report,
                                     const std::stop_token& stop) {
  const auto found = TRY(store_.blobs.List({.uuid = id}));
  if (found.empty()) return Fail(Code::kNotFound, "blob {} not found", id);
  const Blob& blob = found[0].blob;
  if (!blob.stored) {
    const auto known = TRY(store_.image_sources.FindDigest(blob.sha256));
    if (!known) return Fail(Code::kNotFound, "blob {} not found", id);
    TRY(Copy(*known, report, stop));
    return shelf_.RecordHeld();
  }
  const auto admitted = cache_.AdmitStored(TRY(shelf_.Bring(blob, stop)), stop);
  if (!admitted) return Fail(admitted.error().code, "blob {}: {}", id, admitted.error().message);
  return {};
}

}  // namespace sf::reconcile
