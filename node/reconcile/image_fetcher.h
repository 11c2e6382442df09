// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "images/blob_files.h"
#include "images/image_cache.h"
#include "node/reconcile/blob_copier.h"
#include "node/store/store.h"

namespace sf::reconcile {

/// Brings images to this node and tells the database how that went: progress while it lasts, then a
/// version of the artifact, or the error that the artifact and whoever waits for it end in.
///
/// What another node has is copied from there. Only one node at a time asks a source; those that
/// come meanwhile are told kNotReady, and find the image on that node later.
///
/// Thread: worker.
class ImageFetcher {
 public:
  ImageFetcher(NodeId self, std::filesystem::path images_folder, std::uint64_t reserve_bytes,
               store::Store& store, images::ImageCache& cache, images::BlobFiles& blobs,
               BlobCopier& copier)
      : self_(std::move(self)),
        folder_(std::move(images_folder)),
        reserve_bytes_(reserve_bytes),
        store_(store),
        cache_(cache),
        blobs_(blobs),
        copier_(copier) {}

  /// An Error means that the database could not be told, or that the fetch was stopped; kNotReady,
  /// that other nodes are at it, and it is to be tried again.
  Result<void> Fetch(const std::string& url, const std::stop_token& stop);

  /// Removes images that no instance here uses while less than the reserve, and so many bytes more,
  /// are free.
  Result<void> MakeRoom(std::uint64_t more = 0);

  /// Gives back the right to ask sources that nobody here asks any more.
  Result<void> ForgetClaims();

  /// Tells the database which images and stored blobs are on this node.
  Result<void> RecordHeld();

  /// Removes stored blobs that no row knows, and that were not just kept.
  Result<void> ReapBlobs();

 private:
  class ProgressReport;

  Result<void> FetchBlob(const std::string& source, const images::ImageUrl& image,
                         const std::stop_token& stop);
  /// Takes the image of a blob into the cache. kUnavailable when that may work later.
  Result<void> BringBlob(const BlobId& id, const std::stop_token& stop);

  /// Takes into the cache what the other nodes know of an image and have of it. False: those that
  /// have it have failed to give it, and need not be asked again.
  Result<bool> AskPeers(const images::ImageUrl& image, ProgressReport& report,
                        const std::stop_token& stop);
  Result<void> Copy(const store::KnownImage& known, ProgressReport& report,
                    const std::stop_token& stop);
  Result<void> Record(const std::string& url, const images::CachedImage& image,
                      const ProgressReport& report);
  /// The other nodes, what the source of `url` said.
  Result<void> Tell(const std::string& url);

  const NodeId self_;
  const std::filesystem::path folder_;
  const std::uint64_t reserve_bytes_;
  store::Store& store_;
  images::ImageCache& cache_;
  images::BlobFiles& blobs_;
  BlobCopier& copier_;
};

}  // namespace sf::reconcile
