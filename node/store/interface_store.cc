// SPDX-License-Identifier: Apache-2.0
#include "node/store/interface_store.h"

#include <map>
#include <set>
#include <utility>

#include "node/base/uuid.h"
#include "node/store/address_pool.h"
#include "node/store/metadata.h"
#include "node/store/network_store.h"

namespace sf::store {
namespace {

using nlohmann::json;

constexpr int kMacAttempts = 5;

Interface ToInterface(const Row& row) {
  Interface interface;
  interface.uuid = InterfaceId(row.Text(0));
  interface.network = NetworkId(row.Text(1));
  interface.instance = InstanceId(row.Text(2));
  interface.order = static_cast<int>(row.Integer(3));
  interface.mac = row.Text(4);
  interface.ipv4 = row.Text(5);
  interface.floating = row.Text(6);
  interface.model = row.Text(7);
  interface.state = row.Text(8);
  interface.metadata = json::parse(row.Text(9), nullptr, /*allow_exceptions=*/false);
  interface.version = row.Integer(10);
  return interface;
}

/// Locally administered, and like all that we make.
std::string RandomMac() {
  const std::string random = RandomHex(3);
  return fmt::format("02:00:00:{:.2}:{:.2}:{:.2}", random, random.substr(2), random.substr(4));
}

/// With the MAC address that is asked for, or one that nobody in the network has.
Result<void> Insert(Session& session, Interface& interface, const std::string& mac) {
  for (int attempt = 1;; ++attempt) {
    interface.mac = mac.empty() ? RandomMac() : mac;
    const auto inserted = session.Execute(
        "INSERT INTO interfaces (uuid, network_uuid, instance_uuid, position, mac, ipv4, floating,"
        " model, state, metadata, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'created', '{}',"
        " UNIX_TIMESTAMP(NOW(6)))",
        interface.uuid, interface.network, interface.instance, interface.order, interface.mac,
        interface.ipv4, interface.floating, interface.model);
    if (inserted) return {};
    if (inserted.error().code != Code::kConflict) return tl::unexpected(inserted.error());
    if (!mac.empty() || attempt == kMacAttempts) {
      return Fail(Code::kConflict, "the MAC address {} is in use in network {}", interface.mac,
                  interface.network);
    }
  }
}

/// What floats is reached through its network's gateway.
Result<void> CheckFloats(const LockedNetwork& network) {
  if (network.provide_nat) return {};
  return Fail(Code::kInvalid, "network {} has no NAT (provide_nat), so nothing in it can float",
              network.uuid);
}

Result<Interface> MakeInterface(Session& session, const LockedNetwork& network,
                                const InterfaceSpec& spec, const InstanceId& instance, int order) {
  Interface made;
  made.uuid = InterfaceId(MakeUuid());
  made.network = network.uuid;
  made.instance = instance;
  made.order = order;
  made.model = spec.model;
  made.version = 1;
  if (spec.with_address) {
    made.ipv4 = TRY(TakeAddress(session, network, spec.address, made.uuid.value));
  }
  if (spec.floating) {
    TRY(CheckFloats(network));
    made.floating = TRY(TakeFloatingAddress(session, made.uuid.value));
  }
  TRY(Insert(session, made, spec.mac));
  return made;
}

Result<Interface> Lock(Session& session, const InterfaceId& id) {
  TRY(session.Query("SELECT 1 FROM interfaces WHERE uuid = ? FOR UPDATE", id));
  auto found = TRY(SelectInterfaces(session, "WHERE f.uuid = ?", {id.value}));
  if (found.empty()) return Fail(Code::kNotFound, "interface {} not found", id);
  return std::move(found.front());
}

Result<void> SetFloating(Session& session, const InterfaceId& id, const std::string& address) {
  TRY(
      session.Execute("UPDATE interfaces SET floating = ?, version = version + 1,"
                      " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE uuid = ?",
                      address, id));
  return {};
}

}  // namespace

Result<std::vector<Interface>> SelectInterfaces(Session& session, const std::string& where,
                                                const std::vector<Parameter>& values) {
  const auto rows = TRY(session.QueryBound(
      "SELECT f.uuid, f.network_uuid, f.instance_uuid, f.position, f.mac, f.ipv4, f.floating,"
      " f.model, f.state, f.metadata, f.version FROM interfaces f " +
          where + " ORDER BY f.instance_uuid, f.position",
      values));
  std::vector<Interface> interfaces;
  interfaces.reserve(rows.size());
  for (const Row& row : rows) interfaces.push_back(ToInterface(row));
  return interfaces;
}

// All networks are locked before anything is taken, in one order for everybody, so that instances
// that are made at once do not wait for each other in a circle.
Result<std::vector<Interface>> MakeInterfaces(Session& session, const Instance& instance) {
  std::set<NetworkId> wanted;
  for (const InterfaceSpec& spec : instance.spec.interfaces) wanted.insert(spec.network);
  std::map<NetworkId, LockedNetwork> networks;
  for (const NetworkId& id : wanted) {
    const LockedNetwork network = TRY(LockNetwork(session, id));
    if (network.name_space != instance.spec.name_space || id == kFloatingNetwork) {
      return Fail(Code::kNotFound, "network {} not found", id);
    }
    if (network.state != NetworkState::kCreated) {
      return Fail(Code::kNotReady, "network {} is {}", id, ToString(network.state));
    }
    networks.emplace(id, network);
  }
  std::vector<Interface> made;
  for (const InterfaceSpec& spec : instance.spec.interfaces) {
    made.push_back(TRY(MakeInterface(session, networks.at(spec.network), spec, instance.uuid,
                                     static_cast<int>(instance.interfaces.size() + made.size()))));
  }
  return made;
}

Result<void> DeleteInterfaces(Session& session, EventStore& events, const InstanceId& instance) {
  const auto rows = TRY(session.Query(
      "SELECT DISTINCT network_uuid FROM interfaces WHERE instance_uuid = ? AND live = 1"
      " ORDER BY network_uuid",
      instance));
  if (rows.empty()) return {};
  // Locked first: of two that delete a network's last interfaces, one sees that both are gone.
  std::vector<LockedNetwork> networks;
  for (const Row& row : rows) {
    networks.push_back(TRY(LockNetwork(session, NetworkId(row.Text(0)))));
  }
  // The interfaces before their addresses: whoever makes one float holds its row until the address
  // is there to be given back, or finds it deleted.
  TRY(
      session.Execute("UPDATE interfaces SET state = 'deleted', live = NULL, floating = '',"
                      " version = version + 1, updated_at = UNIX_TIMESTAMP(NOW(6))"
                      " WHERE instance_uuid = ? AND live = 1",
                      instance));
  TRY(
      session.Execute("DELETE a FROM addresses a JOIN interfaces f ON f.uuid = a.owner_uuid"
                      " WHERE f.instance_uuid = ?",
                      instance));
  for (const LockedNetwork& network : networks) TRY(FinishDelete(session, events, network));
  return {};
}

Result<std::vector<Interface>> InterfaceStore::List(const InterfaceFilter& filter) const {
  std::string where = "WHERE 1";
  std::vector<Parameter> values;
  const auto add = [&](std::string_view condition, const std::string& value) {
    where.append(" AND ").append(condition);
    values.emplace_back(value);
  };
  if (filter.uuid) add("f.uuid = ?", filter.uuid->value);
  if (filter.network) add("f.network_uuid = ?", filter.network->value);
  if (filter.instance) add("f.instance_uuid = ?", filter.instance->value);
  if (!filter.uuid && !filter.with_deleted) where += " AND f.live = 1";
  return database_.OnOneConnection<std::vector<Interface>>(
      [&](Session& session) { return SelectInterfaces(session, where, values); });
}

Result<Interface> InterfaceStore::Find(const InterfaceId& id) const {
  auto found = TRY(List({.uuid = id}));
  if (found.empty()) return Fail(Code::kNotFound, "interface {} not found", id);
  return std::move(found.front());
}

Result<std::vector<Guest>> InterfaceStore::Guests() const {
  const auto rows =
      TRY(database_.Query("SELECT f.network_uuid, i.name, f.mac, f.ipv4, f.floating"
                          " FROM interfaces f JOIN instances i ON i.uuid = f.instance_uuid"
                          " WHERE f.live = 1 AND f.ipv4 <> '' ORDER BY f.uuid"));
  std::vector<Guest> guests;
  guests.reserve(rows.size());
  for (const Row& row : rows) {
    guests.push_back({NetworkId(row.Text(0)), row.Text(1), row.Text(2), row.Text(3), row.Text(4)});
  }
  return guests;
}

Result<Interface> InterfaceStore::Add(const InstanceId& id, const InterfaceSpec& spec) {
  return database_.Transaction<Interface>([&](Session& session) -> Result<Interface> {
    const auto rows =
        TRY(session.Query("SELECT namespace, state FROM instances WHERE uuid = ? FOR UPDATE", id));
    if (rows.empty()) return Fail(Code::kNotFound, "instance {} not found", id);
    if (rows[0].Text(1) != "created") {
      return Fail(Code::kNotReady, "instance {} is {}", id, rows[0].Text(1));
    }
    Instance instance;
    instance.uuid = id;
    instance.spec.name_space = NamespaceId(rows[0].Text(0));
    instance.spec.interfaces = {spec};
    instance.interfaces =
        TRY(SelectInterfaces(session, "WHERE f.instance_uuid = ? AND f.live = 1", {id.value}));
    if (instance.interfaces.size() >= kMaxInterfaces) {
      return Fail(Code::kInvalid, "instance {} has {} interfaces, and may have no more", id,
                  kMaxInterfaces);
    }
    Interface made = TRY(MakeInterfaces(session, instance)).front();
    // Its node knows by the MAC address whether it is plugged in.
    for (const Interface& other : instance.interfaces) {
      if (other.mac == made.mac) {
        return Fail(Code::kConflict, "instance {} has the MAC address {} already", id, made.mac);
      }
    }
    made.state = "initial";
    TRY(session.Execute("UPDATE interfaces SET state = ? WHERE uuid = ?", made.state, made.uuid));
    TRY(events_.Add(session, {.object_type = "instance",
                              .object = id.value,
                              .message = fmt::format("interface {} added", made.uuid)}));
    return made;
  });
}

Result<void> InterfaceStore::Plugged(const Interface& interface, const std::string& error) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const auto changed = TRY(
        session.Execute("UPDATE interfaces SET state = ?, version = version + 1,"
                        " updated_at = UNIX_TIMESTAMP(NOW(6)) WHERE uuid = ? AND state = 'initial'",
                        error.empty() ? "created" : "error", interface.uuid));
    if (changed == 0) return {};
    return events_.Add(
        session,
        {.object_type = "instance",
         .object = interface.instance.value,
         .message = error.empty() ? fmt::format("interface {} plugged in", interface.uuid)
                                  : fmt::format("interface {}: {}", interface.uuid, error)});
  });
}

Result<void> InterfaceStore::Float(const InterfaceId& id) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const Interface interface = TRY(Lock(session, id));
    if (!interface.floating.empty()) return {};
    if (interface.state == "deleted") return Fail(Code::kConflict, "interface {} is deleted", id);
    if (interface.ipv4.empty()) {
      return Fail(Code::kInvalid, "interface {} has no address that one could lead to", id);
    }
    TRY(CheckFloats(TRY(LockNetwork(session, interface.network))));
    const std::string address = TRY(TakeFloatingAddress(session, id.value));
    TRY(SetFloating(session, id, address));
    return events_.Add(session, {.object_type = "instance",
                                 .object = interface.instance.value,
                                 .message = fmt::format("interface {} floats as {}", id, address)});
  });
}

Result<void> InterfaceStore::Defloat(const InterfaceId& id) {
  return database_.Transaction<void>([&](Session& session) -> Result<void> {
    const Interface interface = TRY(Lock(session, id));
    if (interface.floating.empty()) return {};
    TRY(session.Execute("DELETE FROM addresses WHERE owner_uuid = ? AND network_uuid = ?", id,
                        kFloatingNetwork));
    TRY(SetFloating(session, id, ""));
    return events_.Add(session, {.object_type = "instance",
                                 .object = interface.instance.value,
                                 .message = fmt::format("interface {} no longer floats as {}", id,
                                                        interface.floating)});
  });
}

Result<void> InterfaceStore::SetMetadata(const InterfaceId& id, const std::string& key,
                                         const std::optional<json>& value) {
  return UpdateMetadata(database_, {"interfaces", "uuid", "interface"}, id.value, key, value);
}

}  // namespace sf::store
