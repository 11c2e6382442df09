// SPDX-License-Identifier: Apache-2.0
#include "node/store/blob_store.h"

#include <utility>

#include "node/base/uuid.h"
#include "node/store/metadata.h"

namespace sf::store {
namespace {

using nlohmann::json;

struct Condition {
  std::string where = "1";
  std::vector<Parameter> values;

  void And(std::string_view clause, std::string value) {
    where.append(" AND ").append(clause);
    values.emplace_back(std::move(value));
  }
};

Condition ToCondition(const BlobFilter& filter) {
  Condition condition;
  if (!filter.of.empty()) {
    condition.where += fmt::format(
        " AND (EXISTS (SELECT 1 FROM artifact_versions v JOIN artifacts a"
        " ON a.uuid = v.artifact_uuid WHERE v.blob_uuid = b.uuid AND ({}{}))",
        AnyOf("a.namespace", filter.of, condition.values), filter.or_shared ? " OR a.shared" : "");
    condition.where += fmt::format(
        " OR EXISTS (SELECT 1 FROM agent_operation_blobs r JOIN agent_operations o"
        " ON o.uuid = r.operation_uuid WHERE r.blob_uuid = b.uuid AND {}))",
        AnyOf("o.namespace", filter.of, condition.values));
  }
  if (filter.uuid) condition.And("b.uuid = ?", filter.uuid->value);
  if (filter.sha512) condition.And("b.sha512 = ?", *filter.sha512);
  if (filter.on) {
    condition.And(
        "EXISTS (SELECT 1 FROM blob_locations h WHERE h.blob_uuid = b.uuid AND h.node = ?)",
        filter.on->value);
  }
  return condition;
}

StoredBlob ToBlob(const Row& row) {
  StoredBlob stored;
  stored.blob = {BlobId(row.Text(0)), row.Text(1), row.Text(2), row.Integer(3), row.Integer(4),
                 row.Integer(5),      row.Text(6), false,       row.Real(7),    row.Real(8)};
  stored.versions = row.Integer(9);
  stored.metadata = json::parse(row.Text(10), nullptr, /*allow_exceptions=*/false);
  stored.blob.stored = row.Integer(11) != 0;
  return stored;
}

}  // namespace

Result<std::vector<StoredBlob>> BlobStore::List(const BlobFilter& filter) const {
  const auto [where, values] = ToCondition(filter);
  const auto query = [&](Session& session, std::string_view select, std::string_view order) {
    return session.QueryBound(fmt::format("{} WHERE {} {}", select, where, order), values);
  };
  return database_.OnOneConnection<std::vector<StoredBlob>>(
      [&](Session& session) -> Result<std::vector<StoredBlob>> {
        std::vector<StoredBlob> blobs;
        std::map<std::string, std::size_t> position;
        for (const Row& row :
             TRY(query(session,
                       "SELECT b.uuid, b.sha256, b.sha512, b.size, b.fetched_size, b.virtual_size,"
                       " b.source_format, b.fetched_at, b.last_used, (SELECT COUNT(*)"
                       " FROM artifact_versions r WHERE r.blob_uuid = b.uuid), b.metadata, b.stored"
                       " FROM blobs b",
                       "ORDER BY b.uuid"))) {
          position[row.Text(0)] = blobs.size();
          blobs.push_back(ToBlob(row));
        }
        const auto blob_of = [&](const Row& row) -> StoredBlob* {
          const auto found = position.find(row.Text(0));
          return found == position.end() ? nullptr : &blobs[found->second];
        };
        // A node whose record was deleted has nothing any more.
        for (const Row& row : TRY(query(session,
                                        "SELECT l.blob_uuid, l.node, l.bytes FROM blob_locations l"
                                        " JOIN nodes n ON n.name = l.node"
                                        " JOIN blobs b ON b.uuid = l.blob_uuid",
                                        "ORDER BY l.node"))) {
          if (StoredBlob* const blob = blob_of(row)) {
            blob->locations.push_back({NodeId(row.Text(1)), row.Integer(2)});
          }
        }
        for (const Row& row :
             TRY(query(session,
                       "SELECT DISTINCT d.blob_uuid, d.instance_uuid FROM instance_disks d"
                       " JOIN instances i ON i.uuid = d.instance_uuid AND i.state <> 'deleted'"
                       " JOIN blobs b ON b.uuid = d.blob_uuid",
                       "ORDER BY d.instance_uuid"))) {
          if (StoredBlob* const blob = blob_of(row)) blob->instances.push_back(row.Text(1));
        }
        return blobs;
      });
}

Result<void> BlobStore::SetMetadata(const BlobId& id, const std::string& key,
                                    const std::optional<json>& value) {
  return UpdateMetadata(database_, {"blobs", "uuid", "blob"}, id.value, key, value);
}

Result<Blob> BlobStore::Store(const NodeId& node, const Blob& given) {
  auto stored = database_.Transaction<Blob>([&](Session& session) -> Result<Blob> {
    TRY(session.Execute(
        "INSERT INTO blobs (uuid, sha256, sha512, size, fetched_size, virtual_size, source_format,"
        " stored, fetched_at, last_used) VALUES (?, ?, ?, ?, ?, ?, ?, TRUE, ?,"
        " UNIX_TIMESTAMP(NOW(6))) ON DUPLICATE KEY UPDATE last_used = VALUES(last_used)",
        given.uuid.value.empty() ? MakeUuid() : given.uuid.value, given.sha256, given.sha512,
        given.size, given.size, given.virtual_size, given.source_format, given.fetched_at));
    const auto rows = TRY(
        session.Query("SELECT uuid, stored FROM blobs WHERE sha256 = ? FOR UPDATE", given.sha256));
    if (rows.empty()) return Fail(Code::kInternal, "the blob {} was not stored", given.sha256);
    Blob blob = given;
    blob.uuid = BlobId(rows[0].Text(0));
    blob.stored = true;
    if (rows[0].Integer(1) == 0) {
      // Known as an image until now: what nodes made of it is no longer where the blob is.
      TRY(session.Execute("UPDATE blobs SET stored = TRUE, size = ? WHERE uuid = ?", given.size,
                          blob.uuid));
      TRY(session.Execute("DELETE FROM blob_locations WHERE blob_uuid = ?", blob.uuid));
    }
    TRY(
        session.Execute("INSERT INTO blob_locations (blob_uuid, node, bytes, file_sha256)"
                        " VALUES (?, ?, ?, ?) ON DUPLICATE KEY UPDATE bytes = VALUES(bytes),"
                        " file_sha256 = VALUES(file_sha256)",
                        blob.uuid, node, given.size, given.sha256));
    return blob;
  });
  if (stored) ++stores_;
  return stored;
}

Result<void> BlobStore::RecordHeld(const NodeId& node,
                                   const std::function<Result<HeldFiles>()>& list) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const auto rows = TRY(session.Query(
        "SELECT l.blob_uuid, l.bytes, b.sha256, b.stored, l.file_sha256 FROM blob_locations l"
        " LEFT JOIN blobs b ON b.uuid = l.blob_uuid WHERE l.node = ?",
        node));
    HeldFiles missing = TRY(list());
    for (const Row& row : rows) {
      auto& files = row.Integer(3) != 0 ? missing.stored : missing.cached;
      const auto here = files.find(row.Text(2));
      if (here != files.end() && here->second.bytes == row.Integer(1) &&
          here->second.sha256 == row.Text(4)) {
        files.erase(here);
      } else {
        TRY(session.Execute("DELETE FROM blob_locations WHERE blob_uuid = ? AND node = ?",
                            row.Text(0), node));
      }
    }
    for (const bool stored : {false, true}) {
      for (const auto& [sha256, file] : stored ? missing.stored : missing.cached) {
        TRY(session.Execute(
            "INSERT INTO blob_locations (blob_uuid, node, bytes, file_sha256)"
            " SELECT uuid, ?, ?, ? FROM blobs WHERE sha256 = ? AND stored = ?"
            " ON DUPLICATE KEY UPDATE bytes = VALUES(bytes), file_sha256 = VALUES(file_sha256)",
            node, file.bytes, file.sha256, sha256, stored));
      }
    }
    return {};
  });
}

Result<std::set<std::string>> BlobStore::StoredDigests() const {
  std::set<std::string> digests;
  for (const Row& row : TRY(database_.Query("SELECT sha256 FROM blobs WHERE stored"))) {
    digests.insert(row.Text(0));
  }
  return digests;
}

}  // namespace sf::store
