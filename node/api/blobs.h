// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "images/blob_files.h"
#include "images/image_cache.h"
#include "node/api/forward.h"
#include "node/api/metadata.h"
#include "node/api/router.h"
#include "node/api/slots.h"
#include "node/store/store.h"

namespace sf::api {

/// The blob of that UUID, if it is known to `caller`.
Result<StoredBlob> FindBlob(store::BlobStore& blobs, const Caller& caller, const std::string& uuid);

/// /blobs: files, read from whichever node has them: those that were given as they were given,
/// those of images as the node has them that is asked first. A blob is known to whoever may see an
/// artifact that has it among its versions.
///
/// Thread: HTTP. A body that is streamed holds its thread for as long as its reader takes, so at
/// most `streams` do so at once, those that other nodes send among them. Nodes that copy for
/// themselves have half as many of their own: no reader can keep them waiting, and of many that
/// want one file at once the next can ask the first.
class Blobs {
 public:
  Blobs(store::Store& store, NodeId self, images::ImageCache& cache, images::BlobFiles& files,
        Forward& forward, std::ptrdiff_t streams)
      : store_(store),
        self_(std::move(self)),
        cache_(cache),
        files_(files),
        forward_(forward),
        free_streams_(streams),
        free_copies_((streams + 1) / 2) {}

  Result<Response> List(const Call& call);
  Result<Response> Show(const Call& call);
  Result<Response> Data(const Call& call);
  Result<Response> FindDigest(const Call& call);
  Result<Response> Metadata(const Call& call);
  Result<MetadataTarget> MetadataToChange(const Call& call);

  const Slots& streams() const { return free_streams_; }
  const Slots& copies() const { return free_copies_; }

 private:
  /// Where the blob's file is here, if it is.
  std::optional<std::filesystem::path> FileHere(const Blob& blob);
  /// `to_change` leaves out what the caller sees merely because it is shared.
  Result<StoredBlob> Resolve(const Call& call, bool to_change) const;
  /// `stream`, unless too many are on their way when it begins.
  BodyStream Limited(const Call& call, BodyStream stream);

  store::Store& store_;
  const NodeId self_;
  images::ImageCache& cache_;
  images::BlobFiles& files_;
  Forward& forward_;
  Slots free_streams_;
  Slots free_copies_;
};

}  // namespace sf::api
