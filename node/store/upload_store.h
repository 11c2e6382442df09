// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "node/model/upload.h"
#include "node/store/database.h"

namespace sf::store {

/// Which uploads are under way, and on which node. Thread: HTTP or worker (blocks).
class UploadStore {
 public:
  explicit UploadStore(Database& database) : database_(database) {}

  /// A new one on `node`; kNoCapacity when `name_space` has `most` already.
  Result<Upload> Create(const NamespaceId& name_space, const NodeId& node, std::int64_t most);
  Result<Upload> Find(const UploadId& id) const;  ///< kNotFound
  Result<std::vector<Upload>> On(const NodeId& node) const;
  /// Idempotent.
  Result<void> Delete(const UploadId& id);

 private:
  Database& database_;
};

}  // namespace sf::store
