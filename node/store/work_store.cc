// SPDX-License-Identifier: Apache-2.0
#include "node/store/work_store.h"

namespace sf::store {
namespace {

constexpr char kSelect[] =
    "SELECT w.object, w.node, n.pid, w.operation, w.since FROM ("
    "SELECT CONCAT('instance/', i.uuid) AS object, i.node,"
    " IF(i.state = 'creating', 'build', 'delete') AS operation, i.updated_at AS since"
    " FROM instances i WHERE i.state IN ('creating', 'delete-wait')"
    // Each node fetches for itself.
    " UNION ALL SELECT CONCAT('artifact/', f.uuid, '/', f.node), f.node, 'fetch', MIN(f.since)"
    " FROM (SELECT uuid, fetch_node AS node, updated_at AS since FROM artifacts"
    "  WHERE fetch_node <> '' AND live = 1"
    "  UNION ALL SELECT a.uuid, i.node, i.created_at FROM instances i"
    "  JOIN instance_disks d ON d.instance_uuid = i.uuid"
    "  JOIN artifacts a ON a.uuid = d.artifact_uuid AND a.type = 'image' AND a.state = 'initial'"
    "  WHERE i.state IN ('initial', 'creating')) f GROUP BY f.uuid, f.node"
    " UNION ALL SELECT CONCAT('blob/', c.blob_uuid, '/', c.node), c.node, 'copy', c.since"
    " FROM blob_copies c"
    " UNION ALL SELECT CONCAT('role/', r.role), r.holder, 'serve', r.changed_at FROM roles r"
    " WHERE r.holder <> '') w LEFT JOIN nodes n ON n.name = w.node ORDER BY w.object";

}  // namespace

Result<std::vector<Work>> WorkStore::List() const {
  const auto rows = TRY(database_.Query(kSelect));
  std::vector<Work> work;
  work.reserve(rows.size());
  for (const Row& row : rows) {
    work.push_back({row.Text(0), NodeId(row.Text(1)), row.Integer(2), row.Text(3), row.Real(4)});
  }
  return work;
}

}  // namespace sf::store
