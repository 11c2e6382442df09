// SPDX-License-Identifier: Apache-2.0
#include "node/store/node_store.h"

namespace sf::store {
namespace {

constexpr std::string_view kSelect =
    "SELECT n.name, n.ip, n.fqdn, n.zone, n.software, n.state, n.heartbeat,"
    " n.cpu_limit, n.memory_limit_mb, n.disk_limit_gb,"
    " COALESCE(SUM(i.cpus), 0), COALESCE(SUM(i.memory_mb), 0), COALESCE(SUM(i.disk_gb), 0)"
    " FROM nodes n LEFT JOIN instances i ON i.node = n.name"
    " AND i.state IN ('initial', 'creating', 'created', 'delete-wait')"
    " WHERE n.state <> 'deleted' AND (? = '' OR n.name = ?) GROUP BY n.name ORDER BY n.name";

NodeRecord ToNode(const Row& row) {
  NodeRecord node;
  node.name = NodeId(row.Text(0));
  node.ip = row.Text(1);
  node.fqdn = row.Text(2);
  node.zone = row.Text(3);
  node.release = row.Text(4);
  node.state = row.Text(5);
  node.last_seen = row.Real(6);
  node.limit = {row.Integer(7), row.Integer(8), row.Integer(9)};
  node.used = {row.Integer(10), row.Integer(11), row.Integer(12)};
  return node;
}

}  // namespace

Result<void> NodeStore::Register(const NodeRecord& node) {
  TRY(database_.Execute(
      "INSERT INTO nodes (name, ip, fqdn, zone, software, state, heartbeat, cpu_limit,"
      " memory_limit_mb, disk_limit_gb)"
      " VALUES (?, ?, ?, ?, ?, 'created', UNIX_TIMESTAMP(NOW(6)), ?, ?, ?)"
      " ON DUPLICATE KEY UPDATE ip = VALUES(ip), fqdn = VALUES(fqdn), zone = VALUES(zone),"
      " software = VALUES(software), state = 'created', heartbeat = VALUES(heartbeat),"
      " cpu_limit = VALUES(cpu_limit), memory_limit_mb = VALUES(memory_limit_mb),"
      " disk_limit_gb = VALUES(disk_limit_gb)",
      node.name, node.ip, node.fqdn, node.zone, node.release, node.limit.cpus, node.limit.memory_mb,
      node.limit.disk_gb));
  return {};
}

Result<void> NodeStore::Heartbeat(const NodeId& node, const Capacity& limit) {
  TRY(database_.Execute(
      "UPDATE nodes SET heartbeat = UNIX_TIMESTAMP(NOW(6)), cpu_limit = ?, memory_limit_mb = ?,"
      " disk_limit_gb = ? WHERE name = ?",
      limit.cpus, limit.memory_mb, limit.disk_gb, node));
  return {};
}

Result<void> NodeStore::SetState(const NodeId& node, std::string_view state) {
  TRY(database_.Execute("UPDATE nodes SET state = ? WHERE name = ?", state, node));
  return {};
}

Result<std::vector<NodeRecord>> NodeStore::List() const {
  const auto rows = TRY(database_.Query(kSelect, "", ""));
  std::vector<NodeRecord> nodes;
  nodes.reserve(rows.size());
  for (const Row& row : rows) nodes.push_back(ToNode(row));
  return nodes;
}

Result<NodeRecord> NodeStore::Find(const NodeId& node) const {
  const auto rows = TRY(database_.Query(kSelect, node, node));
  if (rows.empty() || node.empty()) return Fail(Code::kNotFound, "node {} not found", node);
  return ToNode(rows.front());
}

}  // namespace sf::store
