// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "images/image_cache.h"
#include "node/base/metrics.h"
#include "node/reconcile/blob_copier.h"
#include "node/reconcile/blob_shelf.h"
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
  ImageFetcher(NodeId self, store::Store& store, images::ImageCache& cache, BlobShelf& shelf,
               BlobCopier& copier, Metrics& metrics);

  /// An Error means that the database could not be told, or that the fetch was stopped; kNotReady,
  /// that other nodes are at it, and it is to be tried again.
  Result<void> Fetch(const std::string& url, const std::stop_token& stop);

  /// Gives back the right to ask sources that nobody here asks any more.
  Result<void> ForgetClaims();

  /// What leads to an image without anything being brought here, for others to know.
  Result<std::vector<std::string>> Names() const { return shelf_.Names(); }

 private:
  class ProgressReport;

  Result<void> FetchBlob(const std::string& source, const images::ImageUrl& image,
                         const std::stop_token& stop);
  /// Takes the image of a blob into the cache. kUnavailable when that may work later.
  Result<void> BringBlob(const BlobId& id, ProgressReport& report, const std::stop_token& stop);

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
  store::Store& store_;
  images::ImageCache& cache_;
  BlobShelf& shelf_;
  BlobCopier& copier_;

  // What asking sources came to.
  Count fetched_ = 0;
  Count fetched_bytes_ = 0;
  Count confirmed_ = 0;  ///< the copy here was good still
  Count stale_ = 0;      ///< it had to do, as the source was away
  Count failed_ = 0;
};

}  // namespace sf::reconcile
