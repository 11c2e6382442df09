// SPDX-License-Identifier: Apache-2.0
#include "node/store/artifact_store.h"

#include <map>

#include "node/base/uuid.h"
#include "node/store/message.h"
#include "node/store/metadata.h"

namespace sf::store {
namespace {

using nlohmann::json;

constexpr std::string_view kSelect =
    "SELECT a.uuid, a.namespace, a.type, a.source_url, a.state, a.error_message, a.shared,"
    " a.max_versions, a.last_index, a.fetched_bytes, a.total_bytes, a.metadata, a.created_at,"
    " a.version FROM artifacts a WHERE ";

constexpr std::string_view kSelectVersions =
    "SELECT v.artifact_uuid, v.version_index, b.uuid, b.sha256, b.sha512, b.size, b.fetched_size,"
    " b.virtual_size, b.source_format, b.fetched_at, b.last_used,"
    " (SELECT GROUP_CONCAT(DISTINCT d.instance_uuid SEPARATOR ' ') FROM instance_disks d"
    "  JOIN instances i ON i.uuid = d.instance_uuid AND i.state <> 'deleted'"
    "  WHERE d.blob_uuid = b.uuid)"
    " FROM artifact_versions v JOIN blobs b ON b.uuid = v.blob_uuid"
    " JOIN artifacts a ON a.uuid = v.artifact_uuid WHERE ";

Artifact ToArtifact(const Row& row) {
  Artifact artifact;
  artifact.uuid = ArtifactId(row.Text(0));
  artifact.name_space = NamespaceId(row.Text(1));
  artifact.type = row.Text(2);
  artifact.source_url = row.Text(3);
  artifact.state = row.Text(4);
  artifact.error_message = row.Text(5);
  artifact.shared = row.Integer(6) != 0;
  artifact.max_versions = row.Integer(7);
  artifact.index = row.Integer(8);
  artifact.fetched_bytes = row.Integer(9);
  artifact.total_bytes = row.Integer(10);
  artifact.metadata = json::parse(row.Text(11), nullptr, /*allow_exceptions=*/false);
  artifact.created_at = row.Real(12);
  artifact.version = row.Integer(13);
  return artifact;
}

ArtifactVersion ToVersion(const Row& row) {
  constexpr std::size_t kUuidLength = 36;
  ArtifactVersion version;
  version.index = row.Integer(1);
  version.blob = {BlobId(row.Text(2)), row.Text(3), row.Text(4), row.Integer(5), row.Integer(6),
                  row.Integer(7),      row.Text(8), false,       row.Real(9),    row.Real(10)};
  const std::string& instances = row.Text(11);
  for (std::size_t at = 0; at + kUuidLength <= instances.size(); at += kUuidLength + 1) {
    version.instances.push_back(instances.substr(at, kUuidLength));
  }
  return version;
}

Result<std::vector<Artifact>> Select(Session& session, const std::string& where,
                                     const std::vector<Parameter>& values) {
  const auto rows = TRY(
      session.QueryBound(std::string(kSelect) + where + " ORDER BY a.created_at, a.uuid", values));
  const auto versions = TRY(session.QueryBound(
      std::string(kSelectVersions) + where + " ORDER BY v.artifact_uuid, v.version_index", values));
  std::vector<Artifact> artifacts;
  std::map<std::string_view, std::size_t> position;
  artifacts.reserve(rows.size());
  for (const Row& row : rows) {
    position[row.Text(0)] = artifacts.size();
    artifacts.push_back(ToArtifact(row));
  }
  for (const Row& row : versions) {
    const auto found = position.find(row.Text(0));
    if (found != position.end()) artifacts[found->second].versions.push_back(ToVersion(row));
  }
  return artifacts;
}

/// The blob of these bytes, new or not: the digest's UNIQUE key decides which row it is. That row
/// is locked and young from here on, so Reap() lets it live until something refers to it.
Result<std::string> EnsureBlob(Session& session, const Blob& blob) {
  TRY(session.Execute(
      "INSERT INTO blobs (uuid, sha256, sha512, size, fetched_size, virtual_size, source_format,"
      " fetched_at, last_used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, UNIX_TIMESTAMP(NOW(6)))"
      " ON DUPLICATE KEY UPDATE last_used = VALUES(last_used)",
      MakeUuid(), blob.sha256, blob.sha512, blob.size, blob.fetched_size, blob.virtual_size,
      blob.source_format, blob.fetched_at));
  const auto made = TRY(session.Query("SELECT uuid FROM blobs WHERE sha256 = ?", blob.sha256));
  if (made.empty()) return Fail(Code::kInternal, "the blob {} was not stored", blob.sha256);
  return made[0].Text(0);
}

}  // namespace

Result<ArtifactId> EnsureArtifact(Session& session, const NamespaceId& name_space,
                                  std::string_view type, const std::string& url, bool shared) {
  constexpr std::string_view kFind =
      "SELECT uuid, state FROM artifacts"
      " WHERE namespace = ? AND type = ? AND url_hash = SHA2(?, 256) AND live = 1";
  auto rows = TRY(session.Query(kFind, name_space, type, url));
  if (rows.empty()) {
    // Whoever made it between the two statements has made the same one. Not INSERT IGNORE, which
    // also ignores a URL that is too long and stores what fits.
    TRY(session.Execute(
        "INSERT INTO artifacts (uuid, namespace, type, source_url, url_hash, state,"
        " error_message, shared, max_versions, metadata, created_at, updated_at)"
        " VALUES (?, ?, ?, ?, SHA2(?, 256), 'initial', '', ?, 3, '{}',"
        " UNIX_TIMESTAMP(NOW(6)), UNIX_TIMESTAMP(NOW(6))) ON DUPLICATE KEY UPDATE uuid = uuid",
        MakeUuid(), name_space, type, url, url, shared ? 1 : 0));
    rows = TRY(session.Query(kFind, name_space, type, url));
  }
  if (rows.empty()) return Fail(Code::kInternal, "the artifact of {} was not stored", url);
  if (rows[0].Text(1) == "error") {
    TRY(
        session.Execute("UPDATE artifacts SET state = 'initial', error_message = '',"
                        " fetched_bytes = 0, total_bytes = 0, version = version + 1"
                        " WHERE uuid = ? AND state = 'error'",
                        rows[0].Text(0)));
  }
  return ArtifactId(rows[0].Text(0));
}

Result<bool> DeleteArtifact(Session& session, const ArtifactId& id) {
  const auto changed = TRY(session.Execute(
      "UPDATE artifacts SET state = 'deleted', live = NULL, fetch_node = '',"
      " version = version + 1, updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE uuid = ? AND live = 1",
      id));
  if (changed == 0) return false;
  // An instance that is being built on one of them does not refer to it before it is built.
  TRY(
      session.Execute("UPDATE blobs b JOIN artifact_versions v ON v.blob_uuid = b.uuid"
                      " SET b.last_used = UNIX_TIMESTAMP(NOW(6)) WHERE v.artifact_uuid = ?",
                      id));
  TRY(session.Execute("DELETE FROM artifact_versions WHERE artifact_uuid = ?", id));
  return true;
}

Result<Artifact> ArtifactStore::Request(const NamespaceId& name_space, const std::string& url,
                                        bool shared, const NodeId& node) {
  const ArtifactId id =
      TRY(database_.Transaction<ArtifactId>([&](Session& session) -> Result<ArtifactId> {
        const auto space = TRY(session.Query(
            "SELECT 1 FROM namespaces WHERE name = ? AND state = 'created' LOCK IN SHARE MODE",
            name_space));
        if (space.empty()) return Fail(Code::kNotFound, "namespace {} not found", name_space);
        const ArtifactId made = TRY(EnsureArtifact(session, name_space, "image", url, shared));
        TRY(
            session.Execute("UPDATE artifacts SET fetch_node = ?, version = version + 1,"
                            " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE uuid = ?",
                            node, made));
        TRY(events_.Add(
            session,
            {.object_type = "artifact", .object = made.value, .message = "fetch requested"}));
        return made;
      }));
  return Find(id);
}

Result<std::vector<Artifact>> ArtifactStore::List(const ArtifactFilter& filter) const {
  std::string where = "1";
  std::vector<Parameter> values;
  if (!filter.visible_to.empty()) {
    where += " AND (" + AnyOf("a.namespace", filter.visible_to, values) + " OR a.shared)";
  }
  if (filter.uuid) {
    where += " AND a.uuid = ?";
    values.emplace_back(filter.uuid->value);
  } else {
    where += " AND a.live = 1";
  }
  if (filter.source_url) {
    where += " AND a.url_hash = SHA2(?, 256)";
    values.emplace_back(*filter.source_url);
  }
  if (filter.on) {
    where +=
        " AND EXISTS (SELECT 1 FROM artifact_versions h JOIN blob_locations l"
        " ON l.blob_uuid = h.blob_uuid WHERE h.artifact_uuid = a.uuid AND l.node = ?)";
    values.emplace_back(filter.on->value);
  }
  return database_.OnOneConnection<std::vector<Artifact>>(
      [&](Session& session) { return Select(session, where, values); });
}

Result<Artifact> ArtifactStore::Find(const ArtifactId& id) const {
  auto found = TRY(List({.uuid = id}));
  if (found.empty()) return Fail(Code::kNotFound, "artifact {} not found", id);
  return std::move(found.front());
}

Result<std::vector<Artifact>> ArtifactStore::NeededOn(const NodeId& node) const {
  return database_.OnOneConnection<std::vector<Artifact>>([&](Session& session) {
    // A UNION, as an OR of the two would read all artifacts, at every pass of every node.
    return Select(session,
                  "a.uuid IN (SELECT uuid FROM"
                  " (SELECT uuid FROM artifacts WHERE fetch_node = ? AND live = 1"
                  "  UNION SELECT d.artifact_uuid FROM instance_disks d"
                  "  JOIN instances i ON i.uuid = d.instance_uuid"
                  "  WHERE i.node = ? AND i.state IN ('initial', 'creating')) needed)",
                  {node.value, node.value});
  });
}

Result<std::set<std::string>> ArtifactStore::DigestsUsedOn(const NodeId& node) const {
  const auto rows = TRY(database_.Query(
      "SELECT DISTINCT b.sha256 FROM blobs b JOIN instance_disks d ON d.blob_uuid = b.uuid"
      " JOIN instances i ON i.uuid = d.instance_uuid"
      " WHERE i.node = ? AND i.state <> 'deleted'"
      " UNION SELECT b.sha256 FROM artifacts a JOIN artifact_versions v ON v.artifact_uuid = a.uuid"
      " JOIN blobs b ON b.uuid = v.blob_uuid"
      " WHERE a.live = 1 AND a.source_url LIKE 'sf://%' AND NOT b.stored",
      node));
  std::set<std::string> digests;
  for (const Row& row : rows) digests.insert(row.Text(0));
  return digests;
}

Result<std::vector<std::string>> ArtifactStore::LiveOf(Session& session,
                                                       const std::string& url) const {
  const auto rows =
      TRY(session.Query("SELECT uuid FROM artifacts WHERE type = 'image'"
                        " AND url_hash = SHA2(?, 256) AND live = 1"
                        " ORDER BY uuid FOR UPDATE",
                        url));
  std::vector<std::string> uuids;
  uuids.reserve(rows.size());
  for (const Row& row : rows) uuids.push_back(row.Text(0));
  return uuids;
}

Result<void> ArtifactStore::RecordProgress(const std::string& url, std::int64_t done,
                                           std::int64_t total, bool with_event,
                                           const NodeId& from) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    for (const std::string& uuid : TRY(LiveOf(session, url))) {
      TRY(session.Execute("UPDATE artifacts SET fetched_bytes = ?, total_bytes = ? WHERE uuid = ?",
                          done, total, uuid));
      if (!with_event) continue;
      TRY(events_.Add(session,
                      {.object_type = "artifact",
                       .object = uuid,
                       .type = "status",
                       .message = from.empty() ? "fetching" : "copying from node " + from.value,
                       .extra = {{"bytes", done}, {"total_bytes", total}}}));
    }
    return {};
  });
}

Result<void> ArtifactStore::AddVersion(Session& session, const std::string& artifact,
                                       const std::string& blob) {
  TRY(session.Execute("UPDATE artifacts SET last_index = last_index + 1 WHERE uuid = ?", artifact));
  TRY(
      session.Execute("INSERT INTO artifact_versions (artifact_uuid, version_index, blob_uuid)"
                      " SELECT uuid, last_index, ? FROM artifacts WHERE uuid = ?",
                      blob, artifact));
  return DropOldVersions(session, artifact);
}

// By how many are newer, as there may be gaps where versions were deleted.
Result<void> ArtifactStore::DropOldVersions(Session& session, const std::string& artifact) {
  TRY(session.Execute(
      "DELETE v FROM artifact_versions v JOIN"
      " (SELECT o.version_index FROM artifact_versions o JOIN artifact_versions n"
      "  ON n.artifact_uuid = o.artifact_uuid AND n.version_index >= o.version_index"
      "  WHERE o.artifact_uuid = ? GROUP BY o.version_index"
      "  HAVING COUNT(*) > (SELECT max_versions FROM artifacts WHERE uuid = ?)) old"
      " ON old.version_index = v.version_index WHERE v.artifact_uuid = ?",
      artifact, artifact, artifact));
  return {};
}

Result<void> ArtifactStore::RecordFetched(const std::string& url, const Blob& blob,
                                          const std::string& note) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const std::string blob_uuid = TRY(EnsureBlob(session, blob));
    for (const std::string& uuid : TRY(LiveOf(session, url))) {
      const auto newest =
          TRY(session.Query("SELECT blob_uuid FROM artifact_versions WHERE artifact_uuid = ?"
                            " ORDER BY version_index DESC LIMIT 1",
                            uuid));
      const bool changed = newest.empty() || newest[0].Text(0) != blob_uuid;
      if (changed) TRY(AddVersion(session, uuid, blob_uuid));
      TRY(
          session.Execute("UPDATE artifacts SET state = 'created', error_message = '',"
                          " fetch_node = '', fetched_bytes = ?, total_bytes = ?,"
                          " version = version + 1, updated_at = UNIX_TIMESTAMP(NOW(6))"
                          " WHERE uuid = ?",
                          blob.fetched_size, blob.fetched_size, uuid));
      if (changed || !note.empty()) {
        TRY(events_.Add(session, {.object_type = "artifact",
                                  .object = uuid,
                                  .message = note.empty() ? "image fetched" : note,
                                  .extra = {{"sha256", blob.sha256},
                                            {"bytes", blob.fetched_size},
                                            {"virtual_bytes", blob.virtual_size},
                                            {"format", blob.source_format}}}));
      }
    }
    return {};
  });
}

Result<void> ArtifactStore::RecordFailure(const std::string& url, const std::string& message) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    for (const std::string& uuid : TRY(LiveOf(session, url))) {
      TRY(
          session.Execute("UPDATE artifacts SET state = IF(last_index = 0, 'error', state),"
                          " error_message = ?, fetch_node = '', version = version + 1,"
                          " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE uuid = ?",
                          Storable(message), uuid));
      TRY(events_.Add(
          session,
          {.object_type = "artifact", .object = uuid, .message = "fetch failed: " + message}));
    }
    return {};
  });
}

Result<void> ArtifactStore::SetMaxVersions(const ArtifactId& id, std::int64_t count) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(
        session.Execute("UPDATE artifacts SET max_versions = ?, version = version + 1"
                        " WHERE uuid = ? AND live = 1",
                        count, id));
    TRY(DropOldVersions(session, id.value));
    return events_.Add(session, {.object_type = "artifact",
                                 .object = id.value,
                                 .type = "mutate",
                                 .message = fmt::format("at most {} versions are kept", count)});
  });
}

Result<void> ArtifactStore::DeleteVersion(const ArtifactId& id, std::int64_t index) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    // The row is the lock of its versions: of two that delete the last two, one deletes the
    // artifact.
    TRY(session.Query("SELECT 1 FROM artifacts WHERE uuid = ? FOR UPDATE", id));
    const auto gone = TRY(session.Execute(
        "DELETE FROM artifact_versions WHERE artifact_uuid = ? AND version_index = ?", id, index));
    if (gone == 0) return Fail(Code::kNotFound, "version {} of artifact {} not found", index, id);
    TRY(events_.Add(session, {.object_type = "artifact",
                              .object = id.value,
                              .message = fmt::format("version {} deleted", index)}));
    const auto left =
        TRY(session.Query("SELECT 1 FROM artifact_versions WHERE artifact_uuid = ? LIMIT 1", id));
    if (!left.empty()) return {};
    TRY(DeleteArtifact(session, id));
    return events_.Add(
        session, {.object_type = "artifact", .object = id.value, .message = "artifact deleted"});
  });
}

Result<void> ArtifactStore::Share(const ArtifactId& id, bool shared) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const auto changed = TRY(session.Execute(
        "UPDATE artifacts SET shared = ?, version = version + 1 WHERE uuid = ? AND shared <> ?",
        shared ? 1 : 0, id, shared ? 1 : 0));
    if (changed == 0) return {};
    return events_.Add(session, {.object_type = "artifact",
                                 .object = id.value,
                                 .type = "mutate",
                                 .message = shared ? "shared" : "no longer shared"});
  });
}

Result<void> ArtifactStore::SetMetadata(const ArtifactId& id, const std::string& key,
                                        const std::optional<json>& value) {
  return UpdateMetadata(database_, {"artifacts", "uuid", "artifact"}, id.value, key, value);
}

Result<void> ArtifactStore::Delete(const ArtifactId& id) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    if (!TRY(DeleteArtifact(session, id))) return {};
    return events_.Add(
        session, {.object_type = "artifact", .object = id.value, .message = "artifact deleted"});
  });
}

Result<std::int64_t> ArtifactStore::Reap(double age_s, int limit) {
  const auto reaped =
      TRY(database_.Execute("DELETE FROM artifacts WHERE state = 'deleted'"
                            " AND updated_at < UNIX_TIMESTAMP(NOW(6)) - ? LIMIT ?",
                            age_s, limit));
  TRY(database_.Execute(
      "DELETE FROM blobs WHERE last_used < UNIX_TIMESTAMP(NOW(6)) - ?"
      " AND NOT EXISTS (SELECT 1 FROM artifact_versions v WHERE v.blob_uuid = blobs.uuid)"
      " AND NOT EXISTS (SELECT 1 FROM instance_disks d WHERE d.blob_uuid = blobs.uuid)"
      " AND NOT EXISTS (SELECT 1 FROM agent_operation_blobs o WHERE o.blob_uuid = blobs.uuid)"
      " LIMIT ?",
      age_s, limit));
  return reaped;
}

}  // namespace sf::store
