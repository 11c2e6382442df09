// SPDX-License-Identifier: Apache-2.0
#include "node/store/node_store.h"

#include <unistd.h>

#include "node/store/instance_store.h"
#include "node/store/metadata.h"
#include "node/store/node_rows.h"
#include "node/store/role_store.h"

namespace sf::store {
namespace {

using nlohmann::json;

/// Of one node, or of all if its name is empty.
std::string Select(bool with_use) {
  return fmt::format(
      "SELECT n.name, n.ip, n.fqdn, n.zone, n.software, n.state, n.heartbeat,"
      " n.cpu_limit, n.memory_limit_mb, n.disk_limit_gb,{}, n.gossip_port, n.key_ring,"
      " UNIX_TIMESTAMP(NOW(6)) - n.heartbeat, n.metadata, n.drained FROM nodes n {}"
      " WHERE n.state <> 'deleted' AND (? = '' OR n.name = ?) GROUP BY n.name ORDER BY n.name",
      with_use ? kRoomTaken : " 0, 0, 0",
      with_use ? fmt::format("LEFT JOIN instances i ON i.node = n.name AND {}", kTakesRoom) : "");
}

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
  node.gossip_port = static_cast<int>(row.Integer(13));
  node.key_ring = row.Text(14);
  node.silent_for = row.Real(15);
  node.metadata = json::parse(row.Text(16), nullptr, /*allow_exceptions=*/false);
  node.drained = row.Integer(17) != 0;
  return node;
}

// Three heartbeats that did not come: whoever had the name is not there any more.
constexpr double kLivesFor = 30;

Result<void> CheckNameIsFree(Session& session, const NodeRecord& node) {
  const auto rows = TRY(session.Query(
      "SELECT ip, gossip_port, UNIX_TIMESTAMP(NOW(6)) - heartbeat FROM nodes WHERE name = ?"
      " AND state IN ('created', 'stopping') AND NOT (ip = ? AND gossip_port = ?) FOR UPDATE",
      node.name, node.ip, node.gossip_port));
  if (rows.empty() || rows.front().Real(2) > kLivesFor) return {};
  return Fail(Code::kConflict,
              "another node is called {}: it is at {} and was heard of {:.0f} s ago. Give this one"
              " another NODE_NAME, or stop that one",
              node.name, rows.front().Text(0), rows.front().Real(2));
}

Result<void> AddEvent(Session& session, EventStore& events, const NodeId& node, std::string message,
                      json extra = json::object()) {
  return events.Add(session, {.object_type = "node",
                              .object = node.value,
                              .type = "status",
                              .message = std::move(message),
                              .extra = std::move(extra)});
}

}  // namespace

Result<void> NodeStore::Register(const NodeRecord& node) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(CheckNameIsFree(session, node));
    TRY(session.Execute(
        "INSERT INTO nodes (name, ip, fqdn, zone, software, state, heartbeat, cpu_limit,"
        " memory_limit_mb, disk_limit_gb, gossip_port, key_ring, pid)"
        " VALUES (?, ?, ?, ?, ?, 'created', UNIX_TIMESTAMP(NOW(6)), ?, ?, ?, ?, ?, ?)"
        " ON DUPLICATE KEY UPDATE ip = VALUES(ip), fqdn = VALUES(fqdn), zone = VALUES(zone),"
        " software = VALUES(software), state = 'created', heartbeat = VALUES(heartbeat),"
        " cpu_limit = VALUES(cpu_limit), memory_limit_mb = VALUES(memory_limit_mb),"
        " disk_limit_gb = VALUES(disk_limit_gb), gossip_port = VALUES(gossip_port),"
        " key_ring = VALUES(key_ring), pid = VALUES(pid)",
        node.name, node.ip, node.fqdn, node.zone, node.release, node.limit.cpus,
        node.limit.memory_mb, node.limit.disk_gb, node.gossip_port, node.key_ring, ::getpid()));
    return AddEvent(session, events_, node.name, "node started",
                    {{"release", node.release}, {"ip", node.ip}});
  });
}

Result<void> NodeStore::Heartbeat(const NodeId& node, const Capacity& limit,
                                  std::string_view key_ring) {
  const auto changed = TRY(database_.Execute(
      "UPDATE nodes SET heartbeat = UNIX_TIMESTAMP(NOW(6)), cpu_limit = ?, memory_limit_mb = ?,"
      " disk_limit_gb = ?, key_ring = ? WHERE name = ? AND state <> 'deleted'",
      limit.cpus, limit.memory_mb, limit.disk_gb, key_ring, node));
  if (changed == 0) return Fail(Code::kNotFound, "node {} not found", node);
  return {};
}

Result<void> NodeStore::Beat(const NodeId& node) {
  TRY(database_.Execute("UPDATE nodes SET heartbeat = UNIX_TIMESTAMP(NOW(6)) WHERE name = ?",
                        node));
  return {};
}

Result<void> NodeStore::SetState(const NodeId& node, std::string_view state) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(session.Execute("UPDATE nodes SET state = ? WHERE name = ?", state, node));
    return AddEvent(session, events_, node, fmt::format("node {}", state));
  });
}

Result<void> NodeStore::SetDrained(const NodeId& node, bool drained) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const auto before = TRY(session.Query(
        "SELECT drained FROM nodes WHERE name = ? AND state <> 'deleted' FOR UPDATE", node));
    if (before.empty()) return Fail(Code::kNotFound, "node {} not found", node);
    if ((before.front().Integer(0) != 0) == drained) return {};
    TRY(session.Execute("UPDATE nodes SET drained = ? WHERE name = ?", drained ? 1 : 0, node));
    return AddEvent(session, events_, node, drained ? "node drained" : "node undrained");
  });
}

Result<std::vector<NodeRecord>> NodeStore::List() const {
  return SelectNodes(database_, /*with_use=*/true);
}

Result<std::vector<NodeRecord>> SelectNodes(Database& database, bool with_use) {
  const auto rows = TRY(database.Query(Select(with_use), "", ""));
  std::vector<NodeRecord> nodes;
  nodes.reserve(rows.size());
  for (const Row& row : rows) nodes.push_back(ToNode(row));
  return nodes;
}

Result<NodeRecord> NodeStore::Find(const NodeId& node) const {
  const auto rows = TRY(database_.Query(Select(/*with_use=*/true), node, node));
  if (rows.empty() || node.empty()) return Fail(Code::kNotFound, "node {} not found", node);
  return ToNode(rows.front());
}

Result<void> NodeStore::SetMetadata(const NodeId& node, const std::string& key,
                                    const std::optional<json>& value) {
  return UpdateMetadata(database_, {"nodes", "name", "node"}, node.value, key, value);
}

// The role's row and the node's stay locked until it is done: whoever takes the role, or is back,
// comes before it or after it.
Result<std::int64_t> NodeStore::DeclareLost(const NodeId& node, double silence_s,
                                            const NodeId& holder, std::uint64_t term) {
  return database_.Transaction<std::int64_t>([&](Session& session) -> Result<std::int64_t> {
    const auto lost =
        TRY(session.Query("SELECT UNIX_TIMESTAMP(NOW(6)) - n.heartbeat FROM roles r JOIN nodes n"
                          " WHERE r.role = ? AND r.holder = ? AND r.term = ? AND n.name = ?"
                          " AND n.state IN ('created', 'stopping')"
                          " AND n.heartbeat < UNIX_TIMESTAMP(NOW(6)) - ? FOR UPDATE",
                          RoleStore::kRole, holder, term, node, silence_s));
    if (lost.empty()) {
      return Fail(Code::kConflict, "node {} is not lost, or not for {} to say in term {}", node,
                  holder, term);
    }
    const std::string message =
        fmt::format("node {} lost: it has been silent for {:.0f} s", node, lost[0].Real(0));
    const auto instances =
        TRY(session.Query("SELECT uuid FROM instances WHERE node = ?"
                          " AND state IN ('initial', 'creating', 'created') FOR UPDATE",
                          node));
    for (const Row& row : instances) {
      TRY(
          session.Execute("UPDATE instances SET lost_from = state, state = 'error',"
                          " error_message = ?, version = version + 1,"
                          " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE uuid = ?",
                          message, row.Text(0)));
      TRY(events_.Add(session, {.object_type = "instance",
                                .object = row.Text(0),
                                .message = "instance failed: " + message}));
    }
    const auto count = static_cast<std::int64_t>(instances.size());
    if (count > 0) TRY(AddEvent(session, events_, node, message, {{"instances", count}}));
    return count;
  });
}

Result<void> NodeStore::TakeBack(const InstanceId& id) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const auto changed = TRY(session.Execute(
        "UPDATE instances SET state = lost_from, lost_from = '', error_message = '',"
        " version = version + 1, updated_at = UNIX_TIMESTAMP(NOW(6))"
        " WHERE uuid = ? AND state = 'error' AND lost_from <> ''",
        id));
    if (changed == 0) return Fail(Code::kConflict, "instance {} is not lost", id);
    return events_.Add(
        session, {.object_type = "instance", .object = id.value, .message = "its node is back"});
  });
}

Result<void> NodeStore::Delete(const NodeId& node) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    // Locked, so that nothing is placed there any more and it does not come back meanwhile.
    const auto rows =
        TRY(session.Query("SELECT UNIX_TIMESTAMP(NOW(6)) - heartbeat, state = 'stopped' FROM nodes"
                          " WHERE name = ? AND state <> 'deleted' FOR UPDATE",
                          node));
    if (rows.empty()) return Fail(Code::kNotFound, "node {} not found", node);
    if (rows[0].Integer(1) == 0 && rows[0].Real(0) <= kLivesFor) {
      return Fail(Code::kConflict,
                  "node {} was heard of {:.0f} s ago; it can be deleted once it has stopped, or was"
                  " silent for {:.0f} s",
                  node, rows[0].Real(0), kLivesFor);
    }
    TRY(
        session.Execute("UPDATE instances SET state = 'delete-wait', lost_from = ''"
                        " WHERE node = ? AND state NOT IN ('delete-wait', 'deleted')",
                        node));
    const auto instances = TRY(session.Query(
        "SELECT uuid FROM instances WHERE node = ? AND state = 'delete-wait' ORDER BY uuid", node));
    for (const Row& row : instances) {
      TRY(EndInstance(session, events_, InstanceId(row.Text(0)),
                      fmt::format("instance deleted with node {}", node)));
    }
    TRY(
        session.Execute("UPDATE artifacts SET state = IF(last_index = 0, 'error', state),"
                        " error_message = ?, fetch_node = '', version = version + 1,"
                        " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE fetch_node = ? AND live = 1",
                        fmt::format("node {}, which was to fetch it, was deleted", node), node));
    for (const char* const table : {"uploads", "blob_locations", "blob_copies"}) {
      TRY(session.Execute(fmt::format("DELETE FROM {} WHERE node = ?", table), node));
    }
    TRY(
        session.Execute("UPDATE nodes SET state = 'deleted', metadata = '{}',"
                        " version = version + 1 WHERE name = ?",
                        node));
    return AddEvent(session, events_, node, "node deleted", {{"instances", instances.size()}});
  });
}

}  // namespace sf::store
