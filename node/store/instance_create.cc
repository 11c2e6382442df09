// SPDX-License-Identifier: Apache-2.0
// How an instance comes to be in the database: the one transaction that takes all that it needs.
#include <random>
#include <utility>

#include "node/base/request_scope.h"
#include "node/store/artifact_store.h"
#include "node/store/instance_store.h"
#include "node/store/interface_store.h"

namespace sf::store {
namespace {

using nlohmann::json;

constexpr int kPortAttempts = 5;
// Of nodes that filled up since they were ranked: the cluster is at its end.
constexpr std::size_t kMaxNodesTried = 20;

/// The first port of `node` from `first` to `last` that no row has.
Result<std::optional<int>> FirstFreePort(Session& session, const NodeId& node, int first,
                                         int last) {
  // What is free is the first itself, or follows upon one that is taken.
  const auto rows = TRY(session.Query(
      "SELECT MIN(c.port) FROM (SELECT ? AS port UNION ALL"
      " SELECT port + 1 FROM ports WHERE node = ? AND port >= ? AND port < ?) c"
      " WHERE NOT EXISTS (SELECT 1 FROM ports p WHERE p.node = ? AND p.port = c.port)",
      first, node, first, last, node));
  if (rows.at(0).IsNull(0)) return std::optional<int>{};
  return std::optional(static_cast<int>(rows[0].Integer(0)));
}

Result<void> Insert(Session& session, const Instance& made) {
  TRY(session.Execute(
      "INSERT INTO instances (uuid, name, namespace, node, state, error_message, power_state,"
      " cpus, memory_mb, disk_gb, spec, metadata, request_id, created_at, updated_at)"
      " VALUES (?, ?, ?, ?, 'initial', '', 'initial', ?, ?, ?, ?, ?, ?,"
      " UNIX_TIMESTAMP(NOW(6)), UNIX_TIMESTAMP(NOW(6)))",
      made.uuid, made.spec.name, made.spec.name_space, made.node, made.spec.cpus,
      made.spec.memory_mb, DiskTotalGb(made.spec), ToJson(made.spec).dump(), made.metadata.dump(),
      RequestScope::Id()));
  return {};
}

Result<void> InsertDisks(Session& session, Instance& made) {
  int position = 0;
  for (InstanceDisk& disk : made.disks) {
    if (!disk.url.empty() && disk.blob.empty()) {
      disk.artifact = TRY(EnsureArtifact(session, made.spec.name_space, "image", disk.url, false));
    }
    TRY(session.Execute(
        "INSERT INTO instance_disks (instance_uuid, position, device, bus, type, size_gb, url,"
        " artifact_uuid, blob_uuid) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        made.uuid, position++, disk.device, disk.bus, disk.type, disk.size_gb, disk.url,
        disk.artifact, disk.blob));
  }
  return {};
}

}  // namespace

Result<Instance> InstanceStore::Create(const Instance& wanted, const Placement& placement) {
  json passed_over = json::array();
  std::string refusals;
  for (const Placement::Choice& choice : placement.ranked) {
    Instance instance = wanted;
    instance.node = choice.node;
    Event placed = {.object_type = "instance",
                    .object = wanted.uuid.value,
                    .message = fmt::format("instance placed on {}: {}", choice.node, choice.why),
                    .extra = placement.reasons};
    placed.extra["node"] = choice.node.value;
    placed.extra["passed_over"] = passed_over;
    bool refused = false;
    auto made = CreateOn(instance, placed, refused);
    if (!refused || wanted.spec.placed_on) return made;
    const std::string& why = made.error().message;
    passed_over.push_back({{"node", choice.node.value}, {"why", why}});
    refusals += (refusals.empty() ? "" : "; ") + why;
    if (passed_over.size() == kMaxNodesTried) break;
  }
  return sf::Fail(Code::kNoCapacity, "no node has room any more: {}", refusals);
}

Result<Instance> InstanceStore::CreateOn(const Instance& wanted, const Event& placed,
                                         bool& refused) {
  auto created = database_.Transaction<Instance>([&](Session& session) -> Result<Instance> {
    Instance made = wanted;
    refused = false;
    const auto space = TRY(session.Query(
        "SELECT 1 FROM namespaces WHERE name = ? AND state = 'created' LOCK IN SHARE MODE",
        made.spec.name_space));
    if (space.empty()) {
      return sf::Fail(Code::kNotFound, "namespace {} not found", made.spec.name_space);
    }
    refused = true;  // until the node has given what is its own
    TRY(ClaimCapacity(session, made));
    TRY(Insert(session, made));
    made.console_port = TRY(ClaimPort(session, made, "console"));
    made.vdi_port = TRY(ClaimPort(session, made, "vdi"));
    refused = false;
    TRY(InsertDisks(session, made));
    made.interfaces = TRY(MakeInterfaces(session, made));
    TRY(events_.Add(session, placed));
    made.version = 1;
    return made;
  });
  refused = refused && !created &&
            (created.error().code == Code::kNoCapacity || created.error().code == Code::kNotFound);
  return created;
}

Result<void> InstanceStore::ClaimCapacity(Session& session, const Instance& wanted) const {
  // The node's row is the lock of all its capacity, and of its ports.
  const auto node =
      TRY(session.Query("SELECT cpu_limit, memory_limit_mb, disk_limit_gb, drained FROM nodes"
                        " WHERE name = ? AND state = 'created' FOR UPDATE",
                        wanted.node));
  if (node.empty()) return sf::Fail(Code::kNotFound, "node {} not found", wanted.node);
  if (node[0].Integer(3) != 0) {
    return sf::Fail(Code::kNoCapacity, "node {} is drained", wanted.node);
  }
  const auto used =
      TRY(session.Query("SELECT" + std::string(kRoomTaken) +
                            " FROM instances i WHERE i.node = ? AND " + std::string(kTakesRoom),
                        wanted.node));
  struct Room {
    std::string_view noun;
    std::int64_t wanted, used, limit;
  };
  const Room rooms[] = {
      {"cpus", wanted.spec.cpus, used[0].Integer(0), node[0].Integer(0)},
      {"MB of memory", wanted.spec.memory_mb, used[0].Integer(1), node[0].Integer(1)},
      {"GB of disk", DiskTotalGb(wanted.spec), used[0].Integer(2), node[0].Integer(2)},
  };
  for (const Room& room : rooms) {
    if (room.used + room.wanted > room.limit) {
      return sf::Fail(Code::kNoCapacity, "node {} has no room for {} {}: {} of {} are taken",
                      wanted.node, room.wanted, room.noun, room.used, room.limit);
    }
  }
  return {};
}

Result<int> InstanceStore::ClaimPort(Session& session, const Instance& instance,
                                     std::string_view purpose) const {
  // A random one, as a port that was just given back may still be in use. It is nearly always free,
  // so it is tried before anything is asked.
  static thread_local std::minstd_rand random{std::random_device{}()};
  std::optional<int> port = std::uniform_int_distribution(ports_.first, ports_.last)(random);
  for (int attempt = 0; attempt < kPortAttempts && port; ++attempt) {
    const auto taken = session.Execute(
        "INSERT INTO ports (node, port, instance_uuid, purpose) VALUES (?, ?, ?, ?)", instance.node,
        *port, instance.uuid, purpose);
    if (taken) return *port;
    if (taken.error().code != Code::kConflict) return tl::unexpected(taken.error());
    const int tried = *port;
    port = TRY(FirstFreePort(session, instance.node, tried, ports_.last));
    if (!port) port = TRY(FirstFreePort(session, instance.node, ports_.first, tried));
  }
  return sf::Fail(Code::kNoCapacity, "node {} has no free port between {} and {}", instance.node,
                  ports_.first, ports_.last);
}

}  // namespace sf::store
