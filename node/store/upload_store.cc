// SPDX-License-Identifier: Apache-2.0
#include "node/store/upload_store.h"

#include "node/base/uuid.h"

namespace sf::store {
namespace {

Upload ToUpload(const Row& row) {
  return {UploadId(row.Text(0)), NamespaceId(row.Text(1)), NodeId(row.Text(2)), row.Real(3)};
}

}  // namespace

Result<Upload> UploadStore::Create(const NamespaceId& name_space, const NodeId& node,
                                   std::int64_t most) {
  const UploadId id(MakeUuid());
  TRY(database_.Transaction<void>([&](Session& session) -> Result<void> {
    // Locked, so that no two of them are both the last.
    const auto space =
        TRY(session.Query("SELECT (SELECT COUNT(*) FROM uploads u WHERE u.namespace = n.name)"
                          " FROM namespaces n WHERE n.name = ? AND n.state = 'created' FOR UPDATE",
                          name_space));
    if (space.empty()) return Fail(Code::kNotFound, "namespace {} not found", name_space);
    if (space[0].Integer(0) >= most) {
      return Fail(Code::kNoCapacity, "namespace {} has {} uploads under way, and may have no more",
                  name_space, space[0].Integer(0));
    }
    TRY(
        session.Execute("INSERT INTO uploads (uuid, namespace, node, created_at)"
                        " VALUES (?, ?, ?, UNIX_TIMESTAMP(NOW(6)))",
                        id, name_space, node));
    return {};
  }));
  return Find(id);
}

Result<Upload> UploadStore::Find(const UploadId& id) const {
  const auto rows = TRY(
      database_.Query("SELECT uuid, namespace, node, created_at FROM uploads WHERE uuid = ?", id));
  if (rows.empty()) return Fail(Code::kNotFound, "upload {} not found", id);
  return ToUpload(rows[0]);
}

Result<std::vector<Upload>> UploadStore::On(const NodeId& node) const {
  std::vector<Upload> uploads;
  for (const Row& row : TRY(database_.Query(
           "SELECT uuid, namespace, node, created_at FROM uploads WHERE node = ?", node))) {
    uploads.push_back(ToUpload(row));
  }
  return uploads;
}

Result<void> UploadStore::Delete(const UploadId& id) {
  TRY(database_.Execute("DELETE FROM uploads WHERE uuid = ?", id));
  return {};
}

}  // namespace sf::store
