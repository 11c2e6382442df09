// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/model/event.h"
#include "node/model/instance.h"
#include "node/model/placement.h"
#include "node/store/database.h"
#include "node/store/event_store.h"

namespace sf::store {

/// The instances `i` that take room on their node: those that are, are to be, or may be again when
/// their node is back; and those in error that have been built, as their disks are kept.
inline constexpr std::string_view kTakesRoom =
    "(i.state IN ('initial', 'creating', 'created', 'delete-wait') OR i.lost_from <> ''"
    " OR (i.state = 'error' AND i.power_state <> 'initial'))";
/// What they take: cpus, memory and disk. Those whose disks are all that is left take no more.
inline constexpr std::string_view kRoomTaken =
    " COALESCE(SUM(IF(i.state = 'error' AND i.lost_from = '', 0, i.cpus)), 0),"
    " COALESCE(SUM(IF(i.state = 'error' AND i.lost_from = '', 0, i.memory_mb)), 0),"
    " COALESCE(SUM(i.disk_gb), 0)";

/// Ports that instances' consoles and screens may listen on, both ends included.
struct PortRange {
  int first = 30000;
  int last = 39999;
};

/// Which instances a listing is about. Unset means any.
struct InstanceFilter {
  std::optional<NamespaceId> name_space = {};
  std::optional<std::string> name = {};
  std::optional<InstanceId> uuid = {};  ///< Finds it in whatever state.
  std::optional<NodeId> node = {};
  bool with_deleted = false;
  std::vector<InstanceId> among = {};  ///< only these, if there are any
};

/// Instances as MySQL keeps them: the one durable truth about what should exist, and where.
///
/// Thread: HTTP or worker (blocks); each call borrows a connection of its own.
class InstanceStore {
 public:
  InstanceStore(Database& database, EventStore& events, PortRange ports)
      : database_(database), events_(events), ports_(ports) {}

  /// Records `wanted` on the first of the ranked nodes that takes it, in one transaction: room,
  /// ports, interfaces with their addresses and the artifacts of its disks are taken there, so
  /// nodes that place at once can neither overfill a third nor share a port or an address. A node
  /// that has filled up or gone is passed over; whatever else is short ends it at once. kNoCapacity
  /// says what is short; kNotFound when the namespace is gone, or the node that was insisted on;
  /// otherwise what MakeInterfaces() says.
  Result<Instance> Create(const Instance& wanted, const Placement& placement);

  /// The instances of a namespace that carry tags, and that are or are to be.
  Result<std::vector<Neighbour>> Tagged(const NamespaceId& name_space) const;

  Result<std::vector<Instance>> List(const InstanceFilter& filter) const;  ///< by creation
  Result<Instance> Find(const InstanceId& id) const;                       ///< kNotFound

  /// Takes the instance for building: initial -> creating, or creating again after a crash.
  /// kConflict when its row has moved on.
  Result<void> Claim(const InstanceId& id);
  /// creating -> created, with the digests of the images its disks lie on.
  Result<void> Built(const Instance& instance, const std::vector<std::string>& sha256_of_disk,
                     const Event& event);
  /// -> error, unless it is being deleted. The message is what its owner sees.
  Result<void> Fail(const InstanceId& id, const std::string& message);
  /// Likewise all that wait on `node` for the image at `url` and were asked for before `before`.
  Result<void> FailWaitingFor(const NodeId& node, const std::string& url,
                              const std::string& message);
  /// -> delete-wait; kNotFound when it is deleted already. Repeating it is fine.
  Result<void> RequestDelete(const InstanceId& id);
  /// The id of the API request that asked for it to be made, or then to be deleted; empty if none.
  Result<std::string> RequestOf(const InstanceId& id) const;
  /// delete-wait -> deleted, with its ports and addresses given back.
  Result<void> Deleted(const InstanceId& id);

  Result<void> WantPower(const InstanceId& id, bool on);
  /// What its node sees. `switched_off`: by its guest or owner, so it is not to be started again.
  Result<void> RecordPower(const InstanceId& id, const std::string& power_state, bool switched_off);
  /// What its node knows of the agent in it. Writes nothing that is there already.
  Result<void> RecordAgent(const InstanceId& id, const AgentFacts& facts);
  /// New ports for an instance whose old ones a stranger on its node has taken.
  Result<void> ReplacePorts(const InstanceId& id);
  Result<void> SetMetadata(const InstanceId& id, const std::string& key,
                           const std::optional<nlohmann::json>& value);
  /// Forgets up to `limit` of those deleted more than `age_s` seconds ago, and their events.
  Result<std::int64_t> Reap(double age_s, int limit);

 private:
  /// `refused`: by its node, so that another may do.
  Result<Instance> CreateOn(const Instance& wanted, const Event& placed, bool& refused);
  Result<void> ClaimCapacity(Session& session, const Instance& wanted) const;
  Result<int> ClaimPort(Session& session, const Instance& instance, std::string_view purpose) const;

  Database& database_;
  EventStore& events_;
  const PortRange ports_;
};

/// delete-wait -> deleted, with its ports and addresses given back. kConflict in any other state.
Result<void> EndInstance(Session& session, EventStore& events, const InstanceId& id,
                         std::string message);

}  // namespace sf::store
