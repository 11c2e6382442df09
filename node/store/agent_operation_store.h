// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "node/model/agent_operation.h"
#include "node/store/database.h"
#include "node/store/event_store.h"

namespace sf::store {

/// What agents are asked to do, and what came of it.
///
/// Thread: HTTP or worker (blocks).
class AgentOperationStore {
 public:
  /// An instance has no more waiting.
  static constexpr int kMostUnfinished = 100;

  AgentOperationStore(Database& database, EventStore& events)
      : database_(database), events_(events) {}

  /// Asks the node of the instance for it. kInvalid when its agent is not ready, kNotFound when the
  /// instance or a blob is gone, kNoCapacity when too much is waiting for the agent.
  Result<AgentOperation> Create(const InstanceId& instance, const nlohmann::json& commands);

  Result<AgentOperation> Find(const AgentOperationId& id) const;  ///< kNotFound
  /// Of an instance, in order: those that are not finished, or all but the deleted.
  Result<std::vector<AgentOperation>> List(const InstanceId& instance, bool all) const;
  /// Of each instance on `node` the first that is not finished.
  Result<std::vector<AgentOperation>> NextOn(const NodeId& node) const;

  /// kConflict when it is in none of these two states: whoever asked for it has deleted it, or it
  /// has ended.
  Result<void> BeginPreflight(const AgentOperationId& id);  ///< from queued, or again
  Result<void> Claim(const AgentOperationId& id);           ///< preflight -> executing
  /// executing -> complete. `blobs` are kept with it.
  Result<void> Complete(const AgentOperation& operation, const nlohmann::json& results,
                        const std::vector<BlobId>& blobs, double seconds);
  /// -> error, unless it has ended.
  Result<void> Fail(const AgentOperation& operation, const std::string& message);
  /// -> deleted. Repeating it is fine.
  Result<void> Delete(const AgentOperationId& id);

  /// Forgets up to `limit` that ended more than a day ago, and ends what has waited for as long.
  Result<void> Reap(int limit);

 private:
  Result<std::vector<AgentOperation>> Select(std::string_view where,
                                             const std::string& value) const;
  Result<void> CheckReady(Session& session, const InstanceId& instance, NamespaceId& owner) const;

  Database& database_;
  EventStore& events_;
};

/// -> error, for all of the instance that have not ended.
Result<void> EndAgentOperations(Session& session, const InstanceId& instance,
                                std::string_view message);

}  // namespace sf::store
