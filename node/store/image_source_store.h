// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/model/blob.h"
#include "node/store/database.h"

namespace sf::store {

/// What an image's source said when some node last asked it.
struct KnownImage {
  Blob blob;
  std::string etag;
  std::string last_modified;
  double age_s = 0;  ///< since then
};

/// What the nodes know together of the sources of images, and which of them asks one now.
///
/// Thread: worker (blocks).
class ImageSourceStore {
 public:
  explicit ImageSourceStore(Database& database) : database_(database) {}

  Result<std::optional<KnownImage>> FindUrl(const std::string& url) const;
  Result<std::optional<KnownImage>> FindDigest(const std::string& sha256) const;
  /// Where a file of the blob is whose digest is known.
  Result<std::vector<BlobLocation>> Holders(const BlobId& blob) const;

  /// That the source of `url` said so a moment ago. Its blob is found by sha256.
  Result<void> Record(const std::string& url, const KnownImage& said);

  /// Of all nodes that want to ask the source of `url` one may, and it is returned: `node`, unless
  /// another does already. `gone` no longer does.
  Result<NodeId> Claim(const std::string& url, const NodeId& node, const NodeId& gone = {});
  Result<void> Release(const std::string& url, const NodeId& node);
  /// `node` asks for these, and for no others.
  Result<void> KeepClaims(const NodeId& node, const std::set<std::string>& urls);

  /// Forgets sources whose blob is gone.
  Result<void> Reap(int limit);

 private:
  Database& database_;
};

}  // namespace sf::store
