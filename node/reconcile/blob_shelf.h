// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "images/blob_files.h"
#include "images/image_cache.h"
#include "node/cluster_view.h"
#include "node/reconcile/blob_copier.h"
#include "node/reconcile/copy_plan.h"
#include "node/store/store.h"

namespace sf::reconcile {

struct ShelfSettings {
  NodeId self;
  std::filesystem::path folder;  ///< on the file system that all of it lies on
  std::uint64_t reserve_bytes = 0;
  std::size_t copies = 1;  ///< of each stored blob
  std::chrono::seconds lost_grace{};
};

/// What this node has of blobs, on its disk and in the database: the files of stored ones, and
/// images in the cache. It brings files here, gives up what others have as well, and sees to it
/// that both tell the same.
///
/// Thread: worker.
class BlobShelf {
 public:
  BlobShelf(ShelfSettings settings, store::Store& store, images::ImageCache& cache,
            images::BlobFiles& files, BlobCopier& copier, ReadCluster cluster)
      : settings_(std::move(settings)),
        store_(store),
        cache_(cache),
        files_(files),
        copier_(copier),
        cluster_(std::move(cluster)) {}

  /// The file of a stored blob, from another node if it is not here. kNotReady: it is on its way,
  /// or those that have it are busy; kNoCapacity; kNotFound, when no node could give it.
  Result<images::BlobFile> Bring(const Blob& blob, const std::stop_token& stop);

  /// What is to be copied, and may be dropped, as things are now.
  Result<CopyPlan> Plan();

  /// While less than the reserve, and so many bytes more, are free, removes images that no instance
  /// here uses, and then copies of which other nodes have enough.
  Result<void> MakeRoom(std::uint64_t more = 0);

  /// Tells the database which images and stored blobs are on this node.
  Result<void> RecordHeld();

  /// Removes stored blobs that no row knows, and that were not just kept.
  Result<void> Reap();

  /// What disks may lie on without anything being brought here, by names of images, the likeliest
  /// first.
  Result<std::vector<std::string>> Names() const;

 private:
  class UnderWay;

  Result<images::BlobFile> Copy(const Blob& blob, const std::stop_token& stop);
  Result<void> ForgetEnded(std::vector<BlobCopies>& blobs);
  Result<void> CheckRoom(std::uint64_t bytes) const;
  Result<std::uint64_t> Missing(std::uint64_t more) const;

  const ShelfSettings settings_;
  store::Store& store_;
  images::ImageCache& cache_;
  images::BlobFiles& files_;
  BlobCopier& copier_;
  const ReadCluster cluster_;
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  std::mutex mutex_;  // guards under_way_
  std::set<BlobId> under_way_;
};

}  // namespace sf::reconcile
