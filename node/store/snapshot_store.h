// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "node/model/instance.h"
#include "node/model/snapshot.h"
#include "node/store/database.h"
#include "node/store/event_store.h"

namespace sf::store {

/// Snapshots, from being asked for until they are versions of their artifacts, or have failed.
///
/// Thread: HTTP or worker (blocks).
class SnapshotStore {
 public:
  SnapshotStore(Database& database, EventStore& events) : database_(database), events_(events) {}

  /// Asks the instance's node for one of each of `devices`, all of the same moment. kConflict while
  /// others of the instance are under way.
  Result<std::vector<Snapshot>> Request(const Instance& instance,
                                        const std::vector<std::string>& devices);

  /// Of one instance, oldest first: the versions that are still there, and all that has a row.
  Result<std::vector<Snapshot>> List(const Instance& instance) const;

  /// Those in state initial or creating.
  Result<std::vector<Snapshot>> UnderWayOn(const NodeId& node) const;
  Result<std::vector<Snapshot>> UnderWayOf(const InstanceId& instance) const;

  /// Of all that is under way of the instance: initial -> creating. kConflict when nothing was
  /// initial.
  Result<void> Claim(const InstanceId& instance);
  Result<void> RecordProgress(const InstanceId& instance, std::int64_t bytes,
                              std::int64_t total_bytes);
  /// It is a version now; `event` is the instance's.
  Result<void> Done(const BlobId& blob, const Event& event);
  /// -> error, for all that is under way of the instance and has not become a version.
  Result<void> Fail(const InstanceId& instance, const std::string& message);

  /// Forgets what failed more than `age_s` seconds ago, and ends what nodes that are gone had
  /// begun.
  Result<void> Reap(double age_s);

 private:
  Result<std::vector<Snapshot>> Select(std::string_view where, const std::string& value) const;
  Result<void> FailIn(Session& session, const Snapshot& snapshot, const std::string& message);

  Database& database_;
  EventStore& events_;
};

}  // namespace sf::store
