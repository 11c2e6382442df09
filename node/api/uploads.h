// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "images/blob_files.h"
#include "images/upload_files.h"
#include "node/api/forward.h"
#include "node/api/router.h"
#include "node/api/slots.h"
#include "node/store/store.h"

namespace sf::api {

/// /upload: bytes come piece by piece to the node that was asked first, whichever node is given
/// them; and /artifacts/upload, which makes an artifact of them, or of a blob that is here already.
///
/// Thread: HTTP. A body that is on its way holds its thread, so at most `streams` are at once.
class Uploads {
 public:
  Uploads(store::Store& store, NodeId self, images::UploadFiles& files, images::BlobFiles& blobs,
          Forward& forward, std::ptrdiff_t streams)
      : store_(store),
        self_(std::move(self)),
        files_(files),
        blobs_(blobs),
        forward_(forward),
        free_streams_(streams) {}

  Result<Response> Create(const Call& call);
  Result<Response> Append(const Call& call);
  Result<Response> Truncate(const Call& call);
  Result<Response> Publish(const Call& call);

  const Slots& streams() const { return free_streams_; }

 private:
  Result<Upload> Find(const Call& call, const std::string& uuid) const;
  Result<Response> AddTo(const Upload& upload, const Call& call);
  /// Sends what `read` gives on to the node that has the upload, in pieces that can be signed.
  Result<Response> PassOn(const Upload& upload, const Call& call, std::optional<std::uint64_t> at,
                          const images::UploadFiles::Source& read);
  /// The blob that the upload becomes.
  Result<BlobId> Keep(const Upload& upload);

  store::Store& store_;
  const NodeId self_;
  images::UploadFiles& files_;
  images::BlobFiles& blobs_;
  Forward& forward_;
  Slots free_streams_;
};

}  // namespace sf::api
