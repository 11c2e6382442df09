// SPDX-License-Identifier: Apache-2.0
#include "node/store/snapshot_store.h"

#include <algorithm>

#include "node/base/uuid.h"
#include "node/store/artifact_store.h"
#include "node/store/message.h"

namespace sf::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT s.blob_uuid, s.artifact_uuid, s.instance_uuid, s.device, s.state, s.error_message,"
    " s.bytes, s.total_bytes, s.created_at FROM snapshots s WHERE ";
constexpr std::string_view kUnderWay = "s.state IN ('initial', 'creating')";

Snapshot ToSnapshot(const Row& row) {
  Snapshot snapshot;
  snapshot.blob = BlobId(row.Text(0));
  snapshot.artifact = ArtifactId(row.Text(1));
  snapshot.instance = InstanceId(row.Text(2));
  snapshot.device = row.Text(3);
  snapshot.state = row.Text(4);
  snapshot.error_message = row.Text(5);
  snapshot.bytes = row.Integer(6);
  snapshot.total_bytes = row.Integer(7);
  snapshot.created_at = row.Real(8);
  return snapshot;
}

std::vector<Snapshot> ToSnapshots(const std::vector<Row>& rows) {
  std::vector<Snapshot> snapshots;
  snapshots.reserve(rows.size());
  for (const Row& row : rows) snapshots.push_back(ToSnapshot(row));
  return snapshots;
}

}  // namespace

Result<std::vector<Snapshot>> SnapshotStore::Request(const Instance& instance,
                                                     const std::vector<std::string>& devices) {
  using Snapshots = std::vector<Snapshot>;
  return database_.Transaction<Snapshots>([&](Session& session) -> Result<Snapshots> {
    // Its row is the lock of its snapshots.
    const auto rows =
        TRY(session.Query("SELECT state FROM instances WHERE uuid = ? FOR UPDATE", instance.uuid));
    if (rows.empty() || rows[0].Text(0) != "created") {
      return sf::Fail(Code::kNotReady, "instance {} is not created", instance.uuid);
    }
    const auto busy = TRY(session.Query(
        fmt::format("SELECT 1 FROM snapshots s WHERE s.instance_uuid = ? AND {} LIMIT 1",
                    kUnderWay),
        instance.uuid));
    if (!busy.empty()) {
      return sf::Fail(Code::kConflict, "a snapshot of instance {} is under way", instance.uuid);
    }
    Snapshots made;
    for (const std::string& device : devices) {
      Snapshot snapshot;
      snapshot.blob = BlobId(MakeUuid());
      snapshot.instance = instance.uuid;
      snapshot.device = device;
      snapshot.artifact = TRY(EnsureArtifact(session, instance.spec.name_space, "snapshot",
                                             SnapshotUrl(instance.uuid, device), /*shared=*/false));
      TRY(session.Execute(
          "INSERT INTO snapshots (blob_uuid, artifact_uuid, instance_uuid, node, device, state,"
          " error_message, created_at) VALUES (?, ?, ?, ?, ?, 'initial', '',"
          " UNIX_TIMESTAMP(NOW(6)))",
          snapshot.blob, snapshot.artifact, instance.uuid, instance.node, device));
      made.push_back(std::move(snapshot));
    }
    TRY(events_.Add(session, {.object_type = "instance",
                              .object = instance.uuid.value,
                              .message = "snapshot requested",
                              .extra = {{"devices", devices}}}));
    return made;
  });
}

Result<std::vector<Snapshot>> SnapshotStore::List(const Instance& instance) const {
  using Snapshots = std::vector<Snapshot>;
  return database_.OnOneConnection<Snapshots>([&](Session& session) -> Result<Snapshots> {
    Snapshots snapshots = ToSnapshots(TRY(session.Query(
        "SELECT v.blob_uuid, a.uuid, ?, SUBSTRING_INDEX(a.source_url, '/', -1), 'created', '',"
        " b.size, b.size, b.fetched_at FROM artifacts a"
        " JOIN artifact_versions v ON v.artifact_uuid = a.uuid"
        " JOIN blobs b ON b.uuid = v.blob_uuid"
        " WHERE a.namespace = ? AND a.type = 'snapshot' AND a.live = 1"
        " AND a.source_url LIKE CONCAT(?, '%')",
        instance.uuid, instance.spec.name_space, SnapshotUrl(instance.uuid, ""))));
    const auto rows = ToSnapshots(TRY(session.Query(
        fmt::format("{} s.instance_uuid = ? AND NOT EXISTS (SELECT 1 FROM artifact_versions v"
                    " WHERE v.blob_uuid = s.blob_uuid)",
                    kSelect),
        instance.uuid)));
    snapshots.insert(snapshots.end(), rows.begin(), rows.end());
    std::ranges::stable_sort(snapshots, {}, &Snapshot::created_at);
    return snapshots;
  });
}

Result<std::vector<Snapshot>> SnapshotStore::Select(std::string_view where,
                                                    const std::string& value) const {
  return ToSnapshots(TRY(database_.Query(
      fmt::format("{} {} AND {} ORDER BY s.instance_uuid, s.device", kSelect, where, kUnderWay),
      value)));
}

Result<std::vector<Snapshot>> SnapshotStore::UnderWayOn(const NodeId& node) const {
  return Select("s.node = ?", node.value);
}

Result<std::vector<Snapshot>> SnapshotStore::UnderWayOf(const InstanceId& instance) const {
  return Select("s.instance_uuid = ?", instance.value);
}

Result<void> SnapshotStore::Claim(const InstanceId& instance) {
  const auto claimed = TRY(database_.Execute(
      "UPDATE snapshots SET state = 'creating' WHERE instance_uuid = ? AND state = 'initial'",
      instance));
  if (claimed > 0) return {};
  return sf::Fail(Code::kConflict, "no snapshot of instance {} is wanted any more", instance);
}

Result<void> SnapshotStore::RecordProgress(const InstanceId& instance, std::int64_t bytes,
                                           std::int64_t total_bytes) {
  TRY(
      database_.Execute("UPDATE snapshots SET bytes = ?, total_bytes = ?"
                        " WHERE instance_uuid = ? AND state = 'creating'",
                        bytes, total_bytes, instance));
  return {};
}

Result<void> SnapshotStore::Done(const BlobId& blob, const Event& event) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(session.Execute("DELETE FROM snapshots WHERE blob_uuid = ?", blob));
    return events_.Add(session, event);
  });
}

Result<void> SnapshotStore::Fail(const InstanceId& instance, const std::string& message) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    // What became a version before a crash has not failed.
    TRY(
        session.Execute("DELETE s FROM snapshots s JOIN artifact_versions v"
                        " ON v.blob_uuid = s.blob_uuid WHERE s.instance_uuid = ?",
                        instance));
    const auto rows = TRY(session.Query(
        fmt::format("{} s.instance_uuid = ? AND {} FOR UPDATE", kSelect, kUnderWay), instance));
    for (const Snapshot& snapshot : ToSnapshots(rows)) TRY(FailIn(session, snapshot, message));
    return {};
  });
}

Result<void> SnapshotStore::FailIn(Session& session, const Snapshot& snapshot,
                                   const std::string& message) {
  TRY(session.Execute("UPDATE snapshots SET state = 'error', error_message = ? WHERE blob_uuid = ?",
                      Storable(message), snapshot.blob));
  TRY(
      session.Execute("UPDATE artifacts SET state = IF(last_index = 0, 'error', state),"
                      " error_message = ?, version = version + 1 WHERE uuid = ? AND live = 1",
                      Storable(message), snapshot.artifact));
  return events_.Add(session,
                     {.object_type = "instance",
                      .object = snapshot.instance.value,
                      .message = fmt::format("snapshot of {} failed: {}", snapshot.device, message),
                      .extra = {{"device", snapshot.device}, {"blob_uuid", snapshot.blob.value}}});
}

Result<void> SnapshotStore::Reap(double age_s) {
  TRY(
      database_.Execute("DELETE FROM snapshots WHERE state = 'error'"
                        " AND created_at < UNIX_TIMESTAMP(NOW(6)) - ?",
                        age_s));
  TRY(
      database_.Execute(fmt::format("UPDATE snapshots s SET s.state = 'error', s.error_message ="
                                    " 'its node was deleted' WHERE {} AND NOT EXISTS"
                                    " (SELECT 1 FROM nodes n WHERE n.name = s.node)",
                                    kUnderWay)));
  return {};
}

}  // namespace sf::store
