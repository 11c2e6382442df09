// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "node/model/node_record.h"
#include "node/store/database.h"

namespace sf::store {

/// The nodes: who they are, what they offer, when they last said so.
///
/// Thread: HTTP or worker (blocks).
class NodeStore {
 public:
  explicit NodeStore(Database& database) : database_(database) {}

  /// Writes this node's row, new or not, with state created.
  Result<void> Register(const NodeRecord& node);
  Result<void> Heartbeat(const NodeId& node, const Capacity& limit);
  Result<void> SetState(const NodeId& node, std::string_view state);
  /// All but deleted ones, by name, with what their instances use.
  Result<std::vector<NodeRecord>> List() const;
  Result<NodeRecord> Find(const NodeId& node) const;  ///< kNotFound

 private:
  Database& database_;
};

}  // namespace sf::store
