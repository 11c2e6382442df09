// SPDX-License-Identifier: Apache-2.0
#include "node/store/instance_store.h"

#include <map>
#include <utility>

#include "node/base/request_scope.h"
#include "node/store/agent_operation_store.h"
#include "node/store/interface_store.h"
#include "node/store/message.h"
#include "node/store/metadata.h"

namespace sf::store {
namespace {

using nlohmann::json;

constexpr std::string_view kSelect =
    "SELECT i.uuid, i.name, i.namespace, i.node, i.state, i.error_message, i.power_wanted,"
    " i.power_state, i.spec, i.metadata, i.created_at, i.version,"
    " COALESCE((SELECT port FROM ports WHERE instance_uuid = i.uuid AND purpose = 'console'), 0),"
    " COALESCE((SELECT port FROM ports WHERE instance_uuid = i.uuid AND purpose = 'vdi'), 0),"
    " i.lost_from, i.agent_state, i.agent_start_time, i.agent_boot_time"
    " FROM instances i WHERE ";

Result<Instance> ToInstance(const Row& row) {
  Instance instance;
  instance.spec = TRY(ParseInstanceSpecJson(row.Text(8)));
  instance.uuid = InstanceId(row.Text(0));
  instance.spec.name = row.Text(1);
  instance.spec.name_space = NamespaceId(row.Text(2));
  instance.node = NodeId(row.Text(3));
  instance.state = TRY(ParseInstanceState(row.Text(4)));
  instance.error_message = row.Text(5);
  instance.power_wanted = row.Integer(6) != 0;
  instance.power_state = row.Text(7);
  instance.metadata = json::parse(row.Text(9), nullptr, /*allow_exceptions=*/false);
  instance.created_at = row.Real(10);
  instance.version = row.Integer(11);
  instance.console_port = static_cast<int>(row.Integer(12));
  instance.vdi_port = static_cast<int>(row.Integer(13));
  if (!row.Text(14).empty()) instance.lost_from = TRY(ParseInstanceState(row.Text(14)));
  instance.agent = {row.Text(15), row.Real(16), row.Real(17)};
  return instance;
}

/// The WHERE of a filter, the same for the instances and for their disks.
struct Where {
  std::string sql;
  std::vector<Parameter> values;
};

Where ToWhere(const InstanceFilter& filter) {
  Where where{"1", {}};
  const auto add = [&](std::string_view condition, std::string value) {
    where.sql.append(" AND ").append(condition);
    where.values.emplace_back(std::move(value));
  };
  if (filter.name_space) add("i.namespace = ?", filter.name_space->value);
  if (filter.name) add("i.name = ?", *filter.name);
  if (filter.uuid) add("i.uuid = ?", filter.uuid->value);
  if (filter.node) add("i.node = ?", filter.node->value);
  if (!filter.uuid && !filter.with_deleted) where.sql += " AND i.state <> 'deleted'";
  if (!filter.among.empty()) where.sql += " AND " + AnyOf("i.uuid", filter.among, where.values);
  return where;
}

}  // namespace

Result<std::vector<Neighbour>> InstanceStore::Tagged(const NamespaceId& name_space) const {
  const auto rows = TRY(database_.Query(
      "SELECT node, metadata FROM instances WHERE namespace = ?"
      " AND state IN ('initial', 'creating', 'created') AND metadata LIKE '%\"tags\"%'",
      name_space));
  std::vector<Neighbour> neighbours;
  for (const Row& row : rows) {
    const json metadata = json::parse(row.Text(1), nullptr, /*allow_exceptions=*/false);
    if (!metadata.is_object()) continue;
    Neighbour neighbour{NodeId(row.Text(0)), {}};
    for (const json& tag : metadata.value("tags", json::array())) {
      if (tag.is_string()) neighbour.tags.push_back(tag.get<std::string>());
    }
    neighbours.push_back(std::move(neighbour));
  }
  return neighbours;
}

Result<std::vector<Instance>> InstanceStore::List(const InstanceFilter& filter) const {
  const Where where = ToWhere(filter);
  const std::string order = " ORDER BY i.created_at, i.uuid";
  struct Found {
    std::vector<Row> rows, disks;
    std::vector<Interface> interfaces;
  };
  Found found = TRY(database_.OnOneConnection<Found>([&](Session& session) -> Result<Found> {
    Found all;
    all.rows = TRY(session.QueryBound(std::string(kSelect) + where.sql + order, where.values));
    all.disks =
        TRY(session.QueryBound("SELECT d.instance_uuid, d.device, d.bus, d.type, d.size_gb, d.url,"
                               " d.artifact_uuid, d.blob_uuid FROM instance_disks d"
                               " JOIN instances i ON i.uuid = d.instance_uuid WHERE " +
                                   where.sql + " ORDER BY d.instance_uuid, d.position",
                               where.values));
    all.interfaces = TRY(SelectInterfaces(
        session, "JOIN instances i ON i.uuid = f.instance_uuid WHERE " + where.sql, where.values));
    return all;
  }));
  std::vector<Instance> instances;
  std::map<std::string_view, std::size_t> position;
  instances.reserve(found.rows.size());
  for (const Row& row : found.rows) {
    position[row.Text(0)] = instances.size();
    instances.push_back(TRY(ToInstance(row)));
  }
  // What was made between two of the queries has no instance here.
  for (const Row& row : found.disks) {
    const auto owner = position.find(row.Text(0));
    if (owner == position.end()) continue;
    instances[owner->second].disks.push_back({row.Text(1), row.Text(2), row.Text(3), row.Integer(4),
                                              row.Text(5), ArtifactId(row.Text(6)),
                                              BlobId(row.Text(7))});
  }
  for (Interface& interface : found.interfaces) {
    const auto owner = position.find(interface.instance.value);
    if (owner == position.end()) continue;
    instances[owner->second].interfaces.push_back(std::move(interface));
  }
  return instances;
}

Result<Instance> InstanceStore::Find(const InstanceId& id) const {
  auto found = TRY(List({.uuid = id}));
  if (found.empty()) return sf::Fail(Code::kNotFound, "instance {} not found", id);
  return std::move(found.front());
}

Result<void> InstanceStore::Claim(const InstanceId& id) {
  const auto changed =
      TRY(database_.Execute("UPDATE instances SET state = 'creating', version = version + 1,"
                            " updated_at = UNIX_TIMESTAMP(NOW(6))"
                            " WHERE uuid = ? AND state IN ('initial', 'creating')",
                            id));
  // No row: its owner deleted it, or it failed. The row is the referee, and nothing was touched.
  if (changed == 0) return sf::Fail(Code::kConflict, "instance {} is no longer to be built", id);
  return {};
}

Result<void> InstanceStore::Built(const Instance& instance,
                                  const std::vector<std::string>& sha256_of_disk,
                                  const Event& event) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const auto changed = TRY(session.Execute(
        "UPDATE instances SET state = 'created', power_state = 'on', error_message = '',"
        " version = version + 1, updated_at = UNIX_TIMESTAMP(NOW(6))"
        " WHERE uuid = ? AND state = 'creating'",
        instance.uuid));
    if (changed == 0) {
      return sf::Fail(Code::kConflict, "instance {} is no longer being created", instance.uuid);
    }
    for (std::size_t i = 0; i < sha256_of_disk.size(); ++i) {
      if (sha256_of_disk[i].empty()) continue;
      // First, as it takes the lock that keeps the blob from being reaped.
      TRY(session.Execute("UPDATE blobs SET last_used = UNIX_TIMESTAMP(NOW(6)) WHERE sha256 = ?",
                          sha256_of_disk[i]));
      TRY(
          session.Execute("UPDATE instance_disks SET blob_uuid = COALESCE((SELECT uuid FROM blobs"
                          " WHERE sha256 = ?), '') WHERE instance_uuid = ? AND position = ?",
                          sha256_of_disk[i], instance.uuid, i));
    }
    return events_.Add(session, event);
  });
}

Result<void> InstanceStore::Fail(const InstanceId& id, const std::string& message) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const auto changed = TRY(session.Execute(
        "UPDATE instances SET state = 'error', error_message = ?, version = version + 1,"
        " updated_at = UNIX_TIMESTAMP(NOW(6))"
        " WHERE uuid = ? AND state IN ('initial', 'creating', 'created')",
        Storable(message), id));
    if (changed == 0) return {};
    return events_.Add(session, {.object_type = "instance",
                                 .object = id.value,
                                 .type = "audit",
                                 .message = "instance failed: " + message});
  });
}

Result<void> InstanceStore::FailWaitingFor(const NodeId& node, const std::string& url,
                                           const std::string& message) {
  const auto rows = TRY(database_.Query(
      "SELECT DISTINCT i.uuid FROM instances i JOIN instance_disks d ON d.instance_uuid = i.uuid"
      " WHERE i.node = ? AND i.state IN ('initial', 'creating') AND d.url = ?",
      node, url));
  for (const Row& row : rows) TRY(Fail(InstanceId(row.Text(0)), message));
  return {};
}

Result<void> InstanceStore::RequestDelete(const InstanceId& id) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const auto changed =
        TRY(session.Execute("UPDATE instances SET state = 'delete-wait', version = version + 1,"
                            " updated_at = UNIX_TIMESTAMP(NOW(6)), lost_from = '', request_id = ?"
                            " WHERE uuid = ? AND state NOT IN ('delete-wait', 'deleted')",
                            RequestScope::Id(), id));
    if (changed > 0) {
      TRY(EndAgentOperations(session, id, "its instance was deleted"));
      return events_.Add(session, {.object_type = "instance",
                                   .object = id.value,
                                   .message = "instance deletion requested"});
    }
    const auto rows = TRY(session.Query("SELECT state FROM instances WHERE uuid = ?", id));
    if (rows.empty() || rows[0].Text(0) == "deleted") {
      return sf::Fail(Code::kNotFound, "instance {} not found", id);
    }
    return {};
  });
}

Result<std::string> InstanceStore::RequestOf(const InstanceId& id) const {
  const auto rows = TRY(database_.Query("SELECT request_id FROM instances WHERE uuid = ?", id));
  return rows.empty() ? std::string() : rows[0].Text(0);
}

Result<void> EndInstance(Session& session, EventStore& events, const InstanceId& id,
                         std::string message) {
  const auto changed = TRY(session.Execute(
      "UPDATE instances SET state = 'deleted', power_state = 'off', version = version + 1,"
      " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE uuid = ? AND state = 'delete-wait'",
      id));
  if (changed == 0) return sf::Fail(Code::kConflict, "instance {} is not being deleted", id);
  TRY(session.Execute("DELETE FROM ports WHERE instance_uuid = ?", id));
  TRY(DeleteInterfaces(session, events, id));
  TRY(EndAgentOperations(session, id, "its instance was deleted"));
  return events.Add(session,
                    {.object_type = "instance", .object = id.value, .message = std::move(message)});
}

Result<void> InstanceStore::Deleted(const InstanceId& id) {
  return database_.Transaction<void>(
      [&](Session& session) { return EndInstance(session, events_, id, "instance deleted"); });
}

Result<void> InstanceStore::WantPower(const InstanceId& id, bool on) {
  TRY(database_.Execute(
      "UPDATE instances SET power_wanted = ?, version = version + 1 WHERE uuid = ?"
      " AND state = 'created' AND power_wanted <> ?",
      on ? 1 : 0, id, on ? 1 : 0));
  return {};
}

Result<void> InstanceStore::RecordPower(const InstanceId& id, const std::string& power_state,
                                        bool switched_off) {
  const int off = switched_off ? 1 : 0;
  TRY(database_.Execute(
      "UPDATE instances SET power_state = ?, power_wanted = power_wanted AND NOT ?,"
      " version = version + 1 WHERE uuid = ? AND state = 'created'"
      " AND (power_state <> ? OR (power_wanted AND ?))",
      power_state, off, id, power_state, off));
  return {};
}

Result<void> InstanceStore::RecordAgent(const InstanceId& id, const AgentFacts& facts) {
  TRY(
      database_.Execute("UPDATE instances SET agent_state = ?, agent_start_time = ?,"
                        " agent_boot_time = ?, version = version + 1 WHERE uuid = ?"
                        " AND state = 'created' AND (agent_state <> ? OR agent_start_time <> ?"
                        " OR agent_boot_time <> ?)",
                        facts.state, facts.start_time, facts.system_boot_time, id, facts.state,
                        facts.start_time, facts.system_boot_time));
  return {};
}

Result<void> InstanceStore::ReplacePorts(const InstanceId& id) {
  const Instance instance = TRY(Find(id));
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    // Under the row's lock, so that no port is taken for one whose ports were just given back.
    const auto live = TRY(session.Query(
        "SELECT 1 FROM instances WHERE uuid = ? AND state <> 'deleted' FOR UPDATE", id));
    if (live.empty()) return sf::Fail(Code::kConflict, "instance {} is deleted", id);
    TRY(session.Execute("DELETE FROM ports WHERE instance_uuid = ?", id));
    TRY(ClaimPort(session, instance, "console"));
    TRY(ClaimPort(session, instance, "vdi"));
    TRY(session.Execute("UPDATE instances SET version = version + 1 WHERE uuid = ?", id));
    return {};
  });
}

Result<void> InstanceStore::SetMetadata(const InstanceId& id, const std::string& key,
                                        const std::optional<json>& value) {
  return UpdateMetadata(database_, {"instances", "uuid", "instance"}, id.value, key, value);
}

Result<std::int64_t> InstanceStore::Reap(double age_s, int limit) {
  const auto rows =
      TRY(database_.Query("SELECT uuid FROM instances WHERE state = 'deleted'"
                          " AND updated_at < UNIX_TIMESTAMP(NOW(6)) - ? LIMIT ?",
                          age_s, limit));
  for (const Row& row : rows) {
    TRY(database_.Transaction<void>([&](Session& session) -> Result<void> {
      TRY(session.Execute("DELETE FROM instance_disks WHERE instance_uuid = ?", row.Text(0)));
      TRY(session.Execute("DELETE FROM interfaces WHERE instance_uuid = ?", row.Text(0)));
      TRY(session.Execute("DELETE FROM events WHERE object_type = 'instance' AND object = ?",
                          row.Text(0)));
      TRY(session.Execute("DELETE FROM instances WHERE uuid = ? AND state = 'deleted'",
                          row.Text(0)));
      return {};
    }));
  }
  return static_cast<std::int64_t>(rows.size());
}

}  // namespace sf::store
