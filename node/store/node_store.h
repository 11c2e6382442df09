// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/model/node_record.h"
#include "node/store/database.h"
#include "node/store/event_store.h"

namespace sf::store {

/// The nodes: who they are, what they offer, when they last said so.
///
/// Thread: HTTP or worker (blocks).
class NodeStore {
 public:
  NodeStore(Database& database, EventStore& events) : database_(database), events_(events) {}

  /// Writes this node's row, new or not, with state created. kConflict, saying where it is, while
  /// another living node has the name: a row of another address whose heartbeat is fresh.
  Result<void> Register(const NodeRecord& node);
  /// kNotFound when the node has been deleted.
  Result<void> Heartbeat(const NodeId& node, const Capacity& limit, std::string_view key_ring);
  /// Only that it is there: cheap, for who has to say so each second.
  Result<void> Beat(const NodeId& node);
  Result<void> SetState(const NodeId& node, std::string_view state);
  /// Whether it takes no new instances from now on. kNotFound.
  Result<void> SetDrained(const NodeId& node, bool drained);
  /// All but deleted ones, by name, with what their instances use.
  Result<std::vector<NodeRecord>> List() const;
  Result<NodeRecord> Find(const NodeId& node) const;  ///< kNotFound
  Result<void> SetMetadata(const NodeId& node, const std::string& key,
                           const std::optional<nlohmann::json>& value);

  /// Puts the instances of `node`, which has been silent for `silence_s`, in error: "node lost".
  /// Says how many. It is for the holder of the role to say so: kConflict, and nothing is changed,
  /// unless `holder` has it in `term`, or if the node has been heard of or has stopped.
  Result<std::int64_t> DeclareLost(const NodeId& node, double silence_s, const NodeId& holder,
                                   std::uint64_t term);
  /// An instance that was declared lost is again in the state of before. kConflict when its owner
  /// has deleted it meanwhile.
  Result<void> TakeBack(const InstanceId& instance);
  /// -> deleted, and its instances with it: their addresses and ports are free from then on, even
  /// if some of them still run there. kNotFound when it is deleted already, kConflict while it
  /// lives by its heartbeat and has not stopped.
  Result<void> Delete(const NodeId& node);

 private:
  Database& database_;
  EventStore& events_;
};

}  // namespace sf::store
