// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/blob_shelf.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "compute/capacity.h"
#include "node/base/log.h"
#include "node/reconcile/lost_nodes.h"

namespace sf::reconcile {
namespace {

/// For a file that was kept a moment ago to get its row.
constexpr std::chrono::hours kRowGrace{1};
/// For whoever had a file kept to find it.
constexpr std::chrono::minutes kCopyGrace{10};

/// Those that are not lost, with the room that they have promised to nobody.
std::vector<CopyNode> ToCopyNodes(std::vector<NodeRecord> rows, const ClusterView& view,
                                  const Watch& watch) {
  const auto lost = FindLost(view, rows, watch);
  std::erase_if(rows, [&](const NodeRecord& row) { return std::ranges::count(lost, row.name); });
  std::vector<CopyNode> nodes;
  for (NodeRecord& row : rows) {
    CorrectState(row, view);
    const std::int64_t room_gb = row.limit.disk_gb - row.used.disk_gb;
    nodes.push_back({row.name, row.state == "created", room_gb << 30});
  }
  return nodes;
}

}  // namespace

/// A copy that is being made: known to this node and, unless it failed to begin, to all others.
class BlobShelf::UnderWay {
 public:
  static Result<UnderWay> Begin(BlobShelf& shelf, const BlobId& blob) {
    UnderWay one(shelf, blob);
    {
      const std::lock_guard lock(shelf.mutex_);
      if (!shelf.under_way_.insert(blob).second) {
        one.shelf_ = nullptr;
        return Fail(Code::kNotReady, "blob {} is being copied already", blob);
      }
    }
    TRY(shelf.store_.blob_copies.Begin(blob, shelf.settings_.self));
    return one;
  }
  UnderWay(UnderWay&& other) noexcept
      : shelf_(std::exchange(other.shelf_, nullptr)), blob_(other.blob_), here_(other.here_) {}
  UnderWay& operator=(UnderWay&&) = delete;
  ~UnderWay() {
    if (shelf_ == nullptr) return;
    // What the database is not told now, it is by RecordHeld() and Plan().
    (void)shelf_->store_.blob_copies.End(blob_, shelf_->settings_.self, here_);
    const std::lock_guard lock(shelf_->mutex_);
    shelf_->under_way_.erase(blob_);
  }
  void IsHere() { here_ = true; }

 private:
  UnderWay(BlobShelf& shelf, BlobId blob) : shelf_(&shelf), blob_(std::move(blob)) {}

  BlobShelf* shelf_;
  const BlobId blob_;
  bool here_ = false;
};

Result<images::BlobFile> BlobShelf::Bring(const Blob& blob, const std::stop_token& stop) {
  if (const auto path = files_.Find(blob.sha256)) {
    return images::BlobFile{
        {blob.sha256, blob.sha512}, static_cast<std::uint64_t>(blob.size), *path};
  }
  UnderWay under_way = TRY(UnderWay::Begin(*this, blob.uuid));
  auto file = TRY(Copy(blob, stop));
  under_way.IsHere();
  return file;
}

Result<images::BlobFile> BlobShelf::Copy(const Blob& blob, const std::stop_token& stop) {
  const auto bytes = static_cast<std::uint64_t>(blob.size);
  TRY(MakeRoom(bytes));
  TRY(CheckRoom(bytes));
  auto holders = TRY(store_.image_sources.Holders(blob.uuid));
  const auto part = files_.NewPart();
  const auto from = copier_.Copy(blob.uuid, std::move(holders), part, {}, stop);
  if (!from) {
    std::error_code ignored;
    std::filesystem::remove(part, ignored);
    const Error& error = from.error();
    const bool given_up = error.code == Code::kUnavailable && !stop.stop_requested();
    return Fail(given_up ? Code::kNotFound : error.code, "{}", error.message);
  }
  log::Info("blob copied blob={} node={} bytes={}", blob.uuid, from->node, from->bytes);
  // What came was compared with the row, whose digest is the blob's.
  return files_.Keep(part, images::Digests{blob.sha256, blob.sha512}, from->file_sha256);
}

Result<void> BlobShelf::CheckRoom(std::uint64_t bytes) const {
  const std::uint64_t missing = TRY(Missing(bytes));
  if (missing == 0) return {};
  return Fail(Code::kNoCapacity, "node {} lacks {} bytes to keep {} free beside a copy of {}",
              settings_.self, missing, settings_.reserve_bytes, bytes);
}

Result<std::uint64_t> BlobShelf::Missing(std::uint64_t more) const {
  const std::uint64_t free = TRY(compute::ReadDiskSpace(settings_.folder)).free_bytes;
  const std::uint64_t wanted = settings_.reserve_bytes + more;
  return wanted - std::min(wanted, free);
}

Result<CopyPlan> BlobShelf::Plan() {
  const auto view = cluster_();
  const auto up = std::chrono::steady_clock::now() - started_;
  const auto nodes =
      ToCopyNodes(TRY(store_.nodes.List()), *view,
                  {.grace = settings_.lost_grace,
                   .since_start = std::chrono::duration_cast<std::chrono::seconds>(up)});
  auto blobs = TRY(store_.blob_copies.List());
  TRY(ForgetEnded(blobs));
  return PlanCopies({blobs, nodes, settings_.self, settings_.copies});
}

// Of a copy that a crash ended, or whose end the database could not be told, the others would wait
// for ever.
Result<void> BlobShelf::ForgetEnded(std::vector<BlobCopies>& blobs) {
  std::set<BlobId> under_way;
  {
    const std::lock_guard lock(mutex_);
    under_way = under_way_;
  }
  for (BlobCopies& blob : blobs) {
    if (under_way.contains(blob.blob) || blob.coming.erase(settings_.self) == 0) continue;
    TRY(store_.blob_copies.End(blob.blob, settings_.self, /*here=*/false));
  }
  return {};
}

Result<void> BlobShelf::MakeRoom(std::uint64_t more) {
  const std::uint64_t missing = TRY(Missing(more));
  if (missing == 0) return {};
  const auto in_use = TRY(store_.artifacts.DigestsUsedOn(settings_.self));
  const std::uint64_t freed = TRY(cache_.Evict(missing, in_use));
  if (freed > 0) log::Info("images evicted bytes={}", freed);
  if (TRY(Missing(more)) == 0) return {};
  for (const BlobId& blob : TRY(Plan()).may_drop) {
    const auto found = TRY(store_.blobs.List({.uuid = blob}));
    if (found.empty()) continue;
    const bool gone = TRY(files_.GiveUp(found[0].blob.sha256, kCopyGrace, [&] {
      return store_.blob_copies.GiveUp(blob, settings_.self, settings_.copies);
    }));
    if (gone) log::Info("copy of a blob given up blob={} bytes={}", blob, found[0].blob.size);
    if (gone && TRY(Missing(more)) == 0) break;
  }
  return {};
}

Result<void> BlobShelf::RecordHeld() {
  return store_.blobs.RecordHeld(settings_.self, [this]() -> Result<store::HeldFiles> {
    store::HeldFiles held;
    for (const images::ImageRecord& image : cache_.Held()) {
      held.cached[image.sha256] = {static_cast<std::int64_t>(image.file_bytes), image.file_sha256};
    }
    const auto stored = TRY(files_.Files());
    for (const auto& [sha256, bytes] : stored) held.stored[sha256] = {bytes, sha256};
    return held;
  });
}

Result<void> BlobShelf::Reap() {
  const std::uint64_t freed = TRY(files_.Reap(TRY(store_.blobs.StoredDigests()), kRowGrace));
  if (freed > 0) log::Info("stored blobs reaped bytes={}", freed);
  return {};
}

Result<std::vector<std::string>> BlobShelf::Names() const {
  auto names = cache_.Names();
  for (const auto& [sha256, bytes] : TRY(files_.Files())) names.push_back("#sha256=" + sha256);
  return names;
}

}  // namespace sf::reconcile
