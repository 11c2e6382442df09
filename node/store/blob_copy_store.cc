// SPDX-License-Identifier: Apache-2.0
#include "node/store/blob_copy_store.h"

namespace sf::store {
namespace {

/// Of heartbeats that did not come, after which a node's files do not count for this: three.
constexpr double kMaxSilence = 30;

}  // namespace

Result<std::vector<BlobCopies>> BlobCopyStore::List() const {
  std::vector<BlobCopies> blobs;
  for (const Row& row : TRY(database_.Query(
           "SELECT b.uuid, b.size, l.node, 0 FROM blobs b"
           " LEFT JOIN blob_locations l ON l.blob_uuid = b.uuid WHERE b.stored"
           " UNION ALL SELECT b.uuid, b.size, c.node, 1 FROM blobs b"
           " JOIN blob_copies c ON c.blob_uuid = b.uuid WHERE b.stored ORDER BY 1"))) {
    BlobId blob(row.Text(0));
    if (blobs.empty() || blobs.back().blob != blob) {
      blobs.push_back({std::move(blob), row.Integer(1), {}});
    }
    if (row.IsNull(2)) continue;
    auto& nodes = row.Integer(3) == 0 ? blobs.back().holders : blobs.back().coming;
    nodes.insert(NodeId(row.Text(2)));
  }
  return blobs;
}

Result<void> BlobCopyStore::Begin(const BlobId& blob, const NodeId& node) {
  TRY(
      database_.Execute("INSERT INTO blob_copies (blob_uuid, node, since)"
                        " VALUES (?, ?, UNIX_TIMESTAMP(NOW(6)))"
                        " ON DUPLICATE KEY UPDATE since = VALUES(since)",
                        blob, node));
  return {};
}

Result<void> BlobCopyStore::End(const BlobId& blob, const NodeId& node, bool here) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    if (here) {
      TRY(session.Execute(
          "INSERT INTO blob_locations (blob_uuid, node, bytes, file_sha256)"
          " SELECT uuid, ?, size, sha256 FROM blobs WHERE uuid = ? AND stored"
          " ON DUPLICATE KEY UPDATE bytes = VALUES(bytes), file_sha256 = VALUES(file_sha256)",
          node, blob));
    }
    TRY(session.Execute("DELETE FROM blob_copies WHERE blob_uuid = ? AND node = ?", blob, node));
    return {};
  });
}

Result<bool> BlobCopyStore::GiveUp(const BlobId& blob, const NodeId& node, std::size_t copies) {
  return database_.Transaction<bool>([&](Session& session) -> Result<bool> {
    // Its row is the lock: nodes count one after the other, each what the one before has left.
    const auto known = TRY(session.Query("SELECT uuid FROM blobs WHERE uuid = ? FOR UPDATE", blob));
    if (known.empty()) return false;
    const auto others =
        TRY(session.Query("SELECT l.node FROM blob_locations l JOIN nodes n ON n.name = l.node"
                          " WHERE l.blob_uuid = ? AND l.node <> ? AND n.state = 'created'"
                          " AND n.heartbeat > UNIX_TIMESTAMP(NOW(6)) - ? LOCK IN SHARE MODE",
                          blob, node, kMaxSilence));
    if (others.size() < copies) return false;
    const auto used = TRY(
        session.Query("SELECT 1 FROM instance_disks d JOIN instances i ON i.uuid = d.instance_uuid"
                      " WHERE d.blob_uuid = ? AND i.node = ? AND i.state <> 'deleted' LIMIT 1"
                      " LOCK IN SHARE MODE",
                      blob, node));
    if (!used.empty()) return false;
    const auto gone = TRY(
        session.Execute("DELETE FROM blob_locations WHERE blob_uuid = ? AND node = ?", blob, node));
    return gone > 0;
  });
}

}  // namespace sf::store
