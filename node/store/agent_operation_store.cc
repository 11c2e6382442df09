// SPDX-License-Identifier: Apache-2.0
#include "node/store/agent_operation_store.h"

#include "node/base/uuid.h"
#include "node/store/message.h"

namespace sf::store {
namespace {

using nlohmann::json;

constexpr std::string_view kSelect =
    "SELECT o.uuid, o.namespace, o.instance_uuid, o.state, o.commands, o.results, o.error_message,"
    " UNIX_TIMESTAMP(NOW(6)) - o.created_at, o.version FROM agent_operations o";
constexpr double kKeptSeconds = 86400;
/// Of an instance, whatever their age: nobody fills the database with what they asked for.
constexpr int kMostKept = 200;
constexpr std::string_view kUnfinished = "o.state IN ('queued', 'preflight', 'executing')";

Result<AgentOperation> ToOperation(const Row& row) {
  AgentOperation operation;
  operation.uuid = AgentOperationId(row.Text(0));
  operation.name_space = NamespaceId(row.Text(1));
  operation.instance = InstanceId(row.Text(2));
  operation.state = TRY(ParseAgentOperationState(row.Text(3)));
  operation.commands = json::parse(row.Text(4), nullptr, /*allow_exceptions=*/false);
  operation.results = json::parse(row.Text(5), nullptr, /*allow_exceptions=*/false);
  operation.error_message = row.Text(6);
  operation.age_s = row.Real(7);
  operation.version = row.Integer(8);
  return operation;
}

Event EventOf(const AgentOperation& operation, std::string message) {
  json names = json::array();
  for (const json& command : operation.commands) names.push_back(command.value("command", ""));
  return {.object_type = "instance",
          .object = operation.instance.value,
          .message = std::move(message),
          .extra = {{"agentoperation", operation.uuid.value}, {"commands", std::move(names)}}};
}

Result<void> ForgetOldest(Session& session, const InstanceId& instance) {
  const auto last =
      TRY(session.Query("SELECT position FROM agent_operations WHERE instance_uuid = ?"
                        " ORDER BY position DESC LIMIT 1 OFFSET ?",
                        instance, kMostKept - 1));
  if (last.empty()) return {};
  TRY(
      session.Execute("DELETE FROM agent_operations WHERE instance_uuid = ? AND position <= ?"
                      " AND state IN ('complete', 'error', 'deleted')",
                      instance, last[0].Integer(0)));
  return {};
}

Result<void> KeepBlob(Session& session, const AgentOperationId& id, const BlobId& blob) {
  // The lock keeps it from being reaped until it is known to be needed.
  const auto rows = TRY(session.Query("SELECT 1 FROM blobs WHERE uuid = ? FOR UPDATE", blob));
  if (rows.empty()) return Fail(Code::kNotFound, "blob {} not found", blob);
  TRY(
      session.Execute("INSERT IGNORE INTO agent_operation_blobs (operation_uuid, blob_uuid)"
                      " VALUES (?, ?)",
                      id, blob));
  return {};
}

}  // namespace

Result<AgentOperation> AgentOperationStore::Create(const InstanceId& instance,
                                                   const json& commands) {
  AgentOperation made;
  made.uuid = AgentOperationId(MakeUuid());
  made.instance = instance;
  made.commands = commands;
  TRY(database_.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(CheckReady(session, instance, made.name_space));
    TRY(ForgetOldest(session, instance));
    TRY(
        session.Execute("INSERT INTO agent_operations (uuid, namespace, instance_uuid, state,"
                        " commands, results, error_message, created_at, updated_at) VALUES"
                        " (?, ?, ?, 'queued', ?, '{}', '', UNIX_TIMESTAMP(NOW(6)),"
                        " UNIX_TIMESTAMP(NOW(6)))",
                        made.uuid, made.name_space, instance, commands.dump()));
    for (const BlobId& blob : BlobsToPut(commands)) TRY(KeepBlob(session, made.uuid, blob));
    return events_.Add(session, EventOf(made, "agent operation requested"));
  }));
  return Find(made.uuid);
}

Result<void> AgentOperationStore::CheckReady(Session& session, const InstanceId& instance,
                                             NamespaceId& owner) const {
  // Its row is the lock of its operations: none is asked for of an instance that was deleted.
  const auto rows =
      TRY(session.Query("SELECT state, agent_state, namespace FROM instances WHERE uuid = ?"
                        " FOR UPDATE",
                        instance));
  if (rows.empty()) return sf::Fail(Code::kNotFound, "instance {} not found", instance);
  if (rows[0].Text(0) != "created" || !rows[0].Text(1).starts_with("ready")) {
    return sf::Fail(Code::kInvalid, "instance {} is {}, and its agent {}", instance,
                    rows[0].Text(0), rows[0].Text(1));
  }
  owner = NamespaceId(rows[0].Text(2));
  const auto waiting = TRY(session.Query(
      fmt::format("SELECT COUNT(*) FROM agent_operations o WHERE o.instance_uuid = ? AND {}",
                  kUnfinished),
      instance));
  if (waiting.at(0).Integer(0) < kMostUnfinished) return {};
  return sf::Fail(Code::kNoCapacity, "instance {} has {} agent operations waiting, and no more may",
                  instance, kMostUnfinished);
}

Result<std::vector<AgentOperation>> AgentOperationStore::Select(std::string_view where,
                                                                const std::string& value) const {
  std::vector<AgentOperation> found;
  for (const Row& row :
       TRY(database_.Query(fmt::format("{} {} ORDER BY o.position", kSelect, where), value))) {
    found.push_back(TRY(ToOperation(row)));
  }
  return found;
}

Result<AgentOperation> AgentOperationStore::Find(const AgentOperationId& id) const {
  auto found = TRY(Select("WHERE o.uuid = ?", id.value));
  if (found.empty()) return sf::Fail(Code::kNotFound, "agent operation {} not found", id);
  return std::move(found.front());
}

Result<std::vector<AgentOperation>> AgentOperationStore::List(const InstanceId& instance,
                                                              bool all) const {
  return Select(
      fmt::format("WHERE o.instance_uuid = ? AND {}", all ? "o.state <> 'deleted'" : kUnfinished),
      instance.value);
}

Result<std::vector<AgentOperation>> AgentOperationStore::NextOn(const NodeId& node) const {
  return Select(fmt::format("JOIN (SELECT MIN(o.position) AS position FROM agent_operations o"
                            " JOIN instances i ON i.uuid = o.instance_uuid WHERE i.node = ? AND {}"
                            " GROUP BY o.instance_uuid) next ON next.position = o.position",
                            kUnfinished),
                node.value);
}

Result<void> AgentOperationStore::BeginPreflight(const AgentOperationId& id) {
  const auto changed = TRY(database_.Execute(
      "UPDATE agent_operations SET state = 'preflight', version = version + 1,"
      " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE uuid = ? AND state IN ('queued', 'preflight')",
      id));
  if (changed == 0) return sf::Fail(Code::kConflict, "agent operation {} has ended", id);
  return {};
}

Result<void> AgentOperationStore::Claim(const AgentOperationId& id) {
  const auto changed = TRY(database_.Execute(
      "UPDATE agent_operations SET state = 'executing', version = version + 1,"
      " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE uuid = ? AND state = 'preflight'",
      id));
  if (changed == 0) return sf::Fail(Code::kConflict, "agent operation {} has ended", id);
  return {};
}

Result<void> AgentOperationStore::Complete(const AgentOperation& operation, const json& results,
                                           const std::vector<BlobId>& blobs, double seconds) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const auto changed = TRY(session.Execute(
        "UPDATE agent_operations SET state = 'complete', results = ?, version = version + 1,"
        " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE uuid = ? AND state = 'executing'",
        results.dump(-1, ' ', false, json::error_handler_t::replace), operation.uuid));
    if (changed == 0) {
      return sf::Fail(Code::kConflict, "agent operation {} has ended", operation.uuid);
    }
    for (const BlobId& blob : blobs) TRY(KeepBlob(session, operation.uuid, blob));
    Event event = EventOf(operation, "agent operation complete");
    event.duration_s = seconds;
    return events_.Add(session, event);
  });
}

Result<void> AgentOperationStore::Fail(const AgentOperation& operation,
                                       const std::string& message) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const auto changed = TRY(session.Execute(
        fmt::format("UPDATE agent_operations o SET o.state = 'error', o.error_message = ?,"
                    " o.version = o.version + 1, o.updated_at = UNIX_TIMESTAMP(NOW(6))"
                    " WHERE o.uuid = ? AND {}",
                    kUnfinished),
        Storable(message), operation.uuid));
    if (changed == 0) return {};
    return events_.Add(session, EventOf(operation, "agent operation failed: " + message));
  });
}

Result<void> AgentOperationStore::Delete(const AgentOperationId& id) {
  TRY(
      database_.Execute("UPDATE agent_operations SET state = 'deleted', version = version + 1,"
                        " updated_at = UNIX_TIMESTAMP(NOW(6))"
                        " WHERE uuid = ? AND state <> 'deleted'",
                        id));
  return {};
}

Result<void> AgentOperationStore::Reap(int limit) {
  TRY(database_.Execute(fmt::format("UPDATE agent_operations o SET o.state = 'error',"
                                    " o.error_message = 'its instance''s node did not come to it',"
                                    " o.version = o.version + 1,"
                                    " o.updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE {}"
                                    " AND o.created_at < UNIX_TIMESTAMP(NOW(6)) - ?",
                                    kUnfinished),
                        kKeptSeconds));
  TRY(
      database_.Execute("DELETE FROM agent_operations"
                        " WHERE state IN ('complete', 'error', 'deleted')"
                        " AND updated_at < UNIX_TIMESTAMP(NOW(6)) - ? LIMIT ?",
                        kKeptSeconds, limit));
  TRY(
      database_.Execute("DELETE FROM agent_operation_blobs WHERE NOT EXISTS (SELECT 1"
                        " FROM agent_operations o WHERE o.uuid = operation_uuid) LIMIT ?",
                        limit));
  return {};
}

Result<void> EndAgentOperations(Session& session, const InstanceId& instance,
                                std::string_view message) {
  TRY(session.Execute(
      fmt::format("UPDATE agent_operations o SET o.state = 'error', o.error_message = ?,"
                  " o.version = o.version + 1, o.updated_at = UNIX_TIMESTAMP(NOW(6))"
                  " WHERE o.instance_uuid = ? AND {}",
                  kUnfinished),
      message, instance));
  return {};
}

}  // namespace sf::store
