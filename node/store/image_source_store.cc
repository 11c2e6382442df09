// SPDX-License-Identifier: Apache-2.0
#include "node/store/image_source_store.h"

#include <utility>

namespace sf::store {
namespace {

constexpr std::string_view kBlobColumns =
    "SELECT b.uuid, b.sha256, b.sha512, b.size, b.fetched_size, b.virtual_size, b.source_format,"
    " b.fetched_at";

std::optional<KnownImage> ToKnown(const std::vector<Row>& rows) {
  if (rows.empty()) return std::nullopt;
  const Row& row = rows.front();
  KnownImage known;
  known.blob.uuid = BlobId(row.Text(0));
  known.blob.sha256 = row.Text(1);
  known.blob.sha512 = row.Text(2);
  known.blob.size = row.Integer(3);
  known.blob.fetched_size = row.Integer(4);
  known.blob.virtual_size = row.Integer(5);
  known.blob.source_format = row.Text(6);
  known.blob.fetched_at = row.Real(7);
  known.etag = row.Text(8);
  known.last_modified = row.Text(9);
  known.age_s = row.Real(10);
  return known;
}

}  // namespace

Result<std::optional<KnownImage>> ImageSourceStore::FindUrl(const std::string& url) const {
  return ToKnown(TRY(database_.Query(
      fmt::format("{}, s.etag, s.last_modified, UNIX_TIMESTAMP(NOW(6)) - s.checked_at"
                  " FROM image_sources s JOIN blobs b ON b.uuid = s.blob_uuid AND NOT b.stored"
                  " WHERE s.url_hash = SHA2(?, 256)",
                  kBlobColumns),
      url)));
}

Result<std::optional<KnownImage>> ImageSourceStore::FindDigest(const std::string& sha256) const {
  return ToKnown(TRY(database_.Query(
      fmt::format("{}, '', '', 0 FROM blobs b WHERE b.sha256 = ? AND NOT b.stored", kBlobColumns),
      sha256)));
}

Result<std::vector<BlobLocation>> ImageSourceStore::Holders(const BlobId& blob) const {
  std::vector<BlobLocation> holders;
  for (const Row& row :
       TRY(database_.Query("SELECT l.node, l.bytes, l.file_sha256 FROM blob_locations l"
                           " JOIN nodes n ON n.name = l.node"
                           " WHERE l.blob_uuid = ? AND l.file_sha256 <> ''",
                           blob))) {
    holders.push_back({NodeId(row.Text(0)), row.Integer(1), row.Text(2)});
  }
  return holders;
}

Result<void> ImageSourceStore::Record(const std::string& url, const KnownImage& said) {
  TRY(database_.Execute(
      "INSERT INTO image_sources (url_hash, blob_uuid, etag, last_modified, checked_at)"
      " SELECT SHA2(?, 256), uuid, ?, ?, UNIX_TIMESTAMP(NOW(6)) - ? FROM blobs WHERE sha256 = ?"
      " ON DUPLICATE KEY UPDATE blob_uuid = VALUES(blob_uuid), etag = VALUES(etag),"
      " last_modified = VALUES(last_modified), checked_at = VALUES(checked_at)",
      url, said.etag, said.last_modified, said.age_s, said.blob.sha256));
  return {};
}

Result<NodeId> ImageSourceStore::Claim(const std::string& url, const NodeId& node,
                                       const NodeId& gone) {
  // One statement, so that its row decides between two that come at the same moment.
  TRY(database_.Execute(
      "INSERT INTO image_sources (url_hash, asked_by) VALUES (SHA2(?, 256), ?)"
      " ON DUPLICATE KEY UPDATE asked_by = IF(asked_by IN ('', ?), VALUES(asked_by), asked_by)",
      url, node, gone));
  const auto rows =
      TRY(database_.Query("SELECT asked_by FROM image_sources WHERE url_hash = SHA2(?, 256)", url));
  return rows.empty() ? node : NodeId(rows[0].Text(0));
}

Result<void> ImageSourceStore::Release(const std::string& url, const NodeId& node) {
  TRY(
      database_.Execute("UPDATE image_sources SET asked_by = ''"
                        " WHERE url_hash = SHA2(?, 256) AND asked_by = ?",
                        url, node));
  return {};
}

Result<void> ImageSourceStore::KeepClaims(const NodeId& node, const std::set<std::string>& urls) {
  std::string sql = "UPDATE image_sources SET asked_by = '' WHERE asked_by = ?";
  std::vector<Parameter> values = {node.value};
  for (const std::string& url : urls) {
    sql += " AND url_hash <> SHA2(?, 256)";
    values.emplace_back(url);
  }
  return database_.OnOneConnection<void>([&](Session& session) -> Result<void> {
    TRY(session.ExecuteBound(sql, values));
    return {};
  });
}

Result<void> ImageSourceStore::Reap(int limit) {
  TRY(database_.Execute(
      "DELETE FROM image_sources WHERE asked_by = ''"
      " AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.uuid = image_sources.blob_uuid) LIMIT ?",
      limit));
  return {};
}

}  // namespace sf::store
