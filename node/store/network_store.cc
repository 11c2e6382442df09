// SPDX-License-Identifier: Apache-2.0
#include "node/store/network_store.h"

#include <random>
#include <sstream>

#include "node/model/namespace.h"
#include "node/store/metadata.h"

namespace sf::store {
namespace {

using nlohmann::json;

constexpr int kVniAttempts = 10;

constexpr std::string_view kSelect =
    "SELECT n.uuid, n.name, n.namespace, n.netblock, n.provide_dhcp, n.provide_nat, n.provide_dns,"
    " n.floating_gateway, n.vni, n.state, n.metadata, n.created_at, n.version, n.routed"
    " FROM networks n WHERE ";

Result<Network> ToNetwork(const Row& row) {
  Network network;
  network.uuid = NetworkId(row.Text(0));
  network.name = row.Text(1);
  network.name_space = NamespaceId(row.Text(2));
  network.netblock = TRY(Netblock::Parse(row.Text(3)));
  network.provide_dhcp = row.Integer(4) != 0;
  network.provide_nat = row.Integer(5) != 0;
  network.provide_dns = row.Integer(6) != 0;
  network.floating_gateway = row.Text(7);
  network.vni = static_cast<std::uint32_t>(row.Integer(8));
  network.state = TRY(ParseNetworkState(row.Text(9)));
  network.metadata = json::parse(row.Text(10), nullptr, /*allow_exceptions=*/false);
  network.created_at = row.Real(11);
  network.version = row.Integer(12);
  std::istringstream routed(row.Text(13));
  for (std::string address; routed >> address;) network.routed.push_back(address);
  return network;
}

Result<void> Insert(Session& session, const Network& network) {
  TRY(session.Execute(
      "INSERT INTO networks (uuid, name, namespace, netblock, provide_dhcp, provide_nat,"
      " provide_dns, floating_gateway, vni, state, metadata, created_at, updated_at) VALUES (?, ?,"
      " ?, ?, ?, ?, ?, ?, ?, 'created', ?, UNIX_TIMESTAMP(NOW(6)), UNIX_TIMESTAMP(NOW(6)))",
      network.uuid, network.name, network.name_space, ToString(network.netblock),
      network.provide_dhcp ? 1 : 0, network.provide_nat ? 1 : 0, network.provide_dns ? 1 : 0,
      network.floating_gateway, network.vni, network.metadata.dump()));
  return {};
}

Result<bool> HasInterfaces(Session& session, const NetworkId& id) {
  const auto rows = TRY(
      session.Query("SELECT 1 FROM interfaces WHERE network_uuid = ? AND live = 1 LIMIT 1", id));
  return !rows.empty();
}

Result<void> SetState(Session& session, EventStore& events, const NetworkId& id, NetworkState state,
                      std::string message) {
  TRY(
      session.Execute("UPDATE networks SET state = ?, version = version + 1,"
                      " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE uuid = ?",
                      std::string(ToString(state)), id));
  return events.Add(session,
                    {.object_type = "network", .object = id.value, .message = std::move(message)});
}

Result<void> MarkDeleted(Session& session, EventStore& events, const NetworkId& id) {
  TRY(session.Execute("DELETE FROM addresses WHERE owner_uuid = ?", id));
  return SetState(session, events, id, NetworkState::kDeleted, "network deleted");
}

}  // namespace

std::uint32_t NetworkStore::RandomVni() {
  static thread_local std::minstd_rand random{std::random_device{}()};
  constexpr std::uint32_t kLargest = (1U << 24) - 1;
  return std::uniform_int_distribution<std::uint32_t>(1, kLargest)(random);
}

Result<Netblock> NetworkStore::EnsureFloating(const Netblock& netblock) {
  return database_.Transaction<Netblock>([&](Session& session) -> Result<Netblock> {
    TRY(session.Execute(
        "INSERT INTO networks (uuid, name, namespace, netblock, provide_dhcp, provide_nat,"
        " provide_dns, vni, state, metadata, created_at, updated_at) VALUES (?, 'floating', ?, ?,"
        " 0, 0, 0, 0, 'created', '{}', UNIX_TIMESTAMP(NOW(6)), UNIX_TIMESTAMP(NOW(6)))"
        " ON DUPLICATE KEY UPDATE uuid = uuid",
        kFloatingNetwork, kSystemNamespace, ToString(netblock)));
    const LockedNetwork floating = TRY(LockNetwork(session, kFloatingNetwork));
    if (ToString(floating.netblock) == ToString(netblock)) return netblock;
    const auto taken = TRY(
        session.Query("SELECT 1 FROM addresses WHERE network_uuid = ? LIMIT 1", kFloatingNetwork));
    if (!taken.empty()) return floating.netblock;
    TRY(session.Execute("UPDATE networks SET netblock = ?, version = version + 1 WHERE uuid = ?",
                        ToString(netblock), kFloatingNetwork));
    return netblock;
  });
}

Result<Network> NetworkStore::Create(const Network& wanted) {
  return database_.Transaction<Network>([&](Session& session) -> Result<Network> {
    Network made = wanted;
    const auto space = TRY(session.Query(
        "SELECT 1 FROM namespaces WHERE name = ? AND state = 'created' LOCK IN SHARE MODE",
        made.name_space));
    if (space.empty()) return Fail(Code::kNotFound, "namespace {} not found", made.name_space);
    if (made.provide_nat) {
      made.floating_gateway = TRY(TakeFloatingAddress(session, made.uuid.value));
    }
    Result<void> inserted;
    for (int attempt = 0; attempt < kVniAttempts; ++attempt) {
      made.vni = draw_vni_();
      inserted = Insert(session, made);
      if (inserted || inserted.error().code != Code::kConflict) break;
    }
    TRY(std::move(inserted));
    TRY(events_.Add(session, {.object_type = "network",
                              .object = made.uuid.value,
                              .message = "network created",
                              .extra = {{"vxid", made.vni}}}));
    made.version = 1;
    return made;
  });
}

Result<std::vector<Network>> NetworkStore::List(const NetworkFilter& filter) const {
  std::string sql = std::string(kSelect) + "1";
  std::vector<Parameter> values;
  const auto add = [&](std::string_view condition, std::string value) {
    sql.append(" AND ").append(condition);
    values.emplace_back(std::move(value));
  };
  if (filter.name_space) add("n.namespace = ?", filter.name_space->value);
  if (filter.name) add("n.name = ?", *filter.name);
  if (filter.uuid) add("n.uuid = ?", filter.uuid->value);
  if (!filter.uuid && !filter.with_deleted) sql += " AND n.state <> 'deleted'";
  if (!filter.among.empty()) sql += " AND " + AnyOf("n.uuid", filter.among, values);
  sql += " ORDER BY n.created_at, n.uuid";
  const auto rows = TRY(database_.OnOneConnection<std::vector<Row>>(
      [&](Session& session) { return session.QueryBound(sql, values); }));
  std::vector<Network> networks;
  networks.reserve(rows.size());
  for (const Row& row : rows) networks.push_back(TRY(ToNetwork(row)));
  return networks;
}

Result<Network> NetworkStore::Find(const NetworkId& id) const {
  auto found = TRY(List({.uuid = id}));
  if (found.empty()) return Fail(Code::kNotFound, "network {} not found", id);
  return std::move(found.front());
}

Result<void> NetworkStore::Delete(const NetworkId& id, bool wait) {
  if (id == kFloatingNetwork) {
    return Fail(Code::kForbidden, "the network floating is built in and cannot be deleted");
  }
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const LockedNetwork network = TRY(LockNetwork(session, id));
    if (!TRY(HasInterfaces(session, id))) return MarkDeleted(session, events_, id);
    if (!wait) return Fail(Code::kConflict, "network {} is in use", id);
    if (network.state == NetworkState::kDeleteWait) return {};
    return SetState(session, events_, id, NetworkState::kDeleteWait,
                    "network deletion waits for its last interface");
  });
}

Result<void> FinishDelete(Session& session, EventStore& events, const LockedNetwork& network) {
  if (network.state != NetworkState::kDeleteWait) return {};
  if (TRY(HasInterfaces(session, network.uuid))) return {};
  return MarkDeleted(session, events, network.uuid);
}

Result<std::string> NetworkStore::Route(const NetworkId& id) {
  return database_.Transaction<std::string>([&](Session& session) -> Result<std::string> {
    const LockedNetwork network = TRY(LockNetwork(session, id));
    if (!network.provide_nat) {
      return Fail(Code::kInvalid, "network {} has no NAT (provide_nat), so nothing leads to it",
                  id);
    }
    if (network.state != NetworkState::kCreated) {
      return Fail(Code::kNotReady, "network {} is {}", id, ToString(network.state));
    }
    std::string address = TRY(TakeFloatingAddress(session, id.value));
    TRY(
        session.Execute("UPDATE networks SET routed = TRIM(CONCAT(routed, ' ', ?)),"
                        " version = version + 1 WHERE uuid = ?",
                        address, id));
    TRY(events_.Add(session, {.object_type = "network",
                              .object = id.value,
                              .message = fmt::format("{} is routed to it", address)}));
    return address;
  });
}

Result<void> NetworkStore::Unroute(const NetworkId& id, IpAddress address) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    TRY(LockNetwork(session, id));
    const std::string text = ToString(address);
    // A network's address is routed, or it is the one that its guests leave by.
    const auto owner =
        TRY(session.Query("SELECT n.uuid FROM addresses a JOIN networks n ON n.uuid = a.owner_uuid"
                          " WHERE a.network_uuid = ? AND a.address = ? AND n.floating_gateway <> ?",
                          kFloatingNetwork, address.value, text));
    if (owner.empty()) {
      return Fail(Code::kNotFound, "address {} not found among those routed to network {}", text,
                  id);
    }
    if (owner[0].Text(0) != id.value) {
      return Fail(Code::kForbidden, "{} is routed to another network", text);
    }
    TRY(session.Execute("DELETE FROM addresses WHERE network_uuid = ? AND address = ?",
                        kFloatingNetwork, address.value));
    TRY(session.Execute(
        "UPDATE networks SET routed = TRIM(REPLACE(CONCAT(' ', routed, ' '), CONCAT(' ', ?, ' '),"
        " ' ')), version = version + 1 WHERE uuid = ?",
        text, id));
    return events_.Add(session, {.object_type = "network",
                                 .object = id.value,
                                 .message = fmt::format("{} is routed to it no longer", text)});
  });
}

Result<void> NetworkStore::SetMetadata(const NetworkId& id, const std::string& key,
                                       const std::optional<json>& value) {
  return UpdateMetadata(database_, {"networks", "uuid", "network"}, id.value, key, value);
}

Result<std::int64_t> NetworkStore::Reap(double age_s, int limit) {
  const auto rows =
      TRY(database_.Query("SELECT uuid FROM networks WHERE state = 'deleted'"
                          " AND updated_at < UNIX_TIMESTAMP(NOW(6)) - ? LIMIT ?",
                          age_s, limit));
  for (const Row& row : rows) {
    TRY(database_.Transaction<void>([&](Session& session) -> Result<void> {
      TRY(session.Execute("DELETE FROM events WHERE object_type = 'network' AND object = ?",
                          row.Text(0)));
      TRY(session.Execute("DELETE FROM networks WHERE uuid = ? AND state = 'deleted'",
                          row.Text(0)));
      return {};
    }));
  }
  return static_cast<std::int64_t>(rows.size());
}

}  // namespace sf::store
