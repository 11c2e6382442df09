// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "node/model/blob.h"
#include "node/store/database.h"

namespace sf::store {

/// How many nodes have each stored blob: who is making another copy, and who may give one up.
///
/// Thread: worker (blocks).
class BlobCopyStore {
 public:
  explicit BlobCopyStore(Database& database) : database_(database) {}

  Result<std::vector<BlobCopies>> List() const;  ///< of every stored blob, by UUID

  /// `node` copies the blob from now on.
  Result<void> Begin(const BlobId& blob, const NodeId& node);
  /// It no longer does; `here`: because it has it. A blob that is gone meanwhile is nowhere.
  Result<void> End(const BlobId& blob, const NodeId& node, bool here);

  /// Whether `node` may remove its file, which it has no more from then on: `copies` other nodes
  /// that are up have one, and no instance on `node` has a disk on it. However many nodes ask at
  /// the same moment, so many copies stay.
  Result<bool> GiveUp(const BlobId& blob, const NodeId& node, std::size_t copies);

 private:
  Database& database_;
};

}  // namespace sf::store
