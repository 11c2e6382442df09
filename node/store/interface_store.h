// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "node/model/instance.h"
#include "node/model/interface.h"
#include "node/store/database.h"
#include "node/store/event_store.h"

namespace sf::store {

/// Which interfaces a listing is about. Unset means any.
struct InterfaceFilter {
  std::optional<InterfaceId> uuid = {};  ///< Finds it in whatever state.
  std::optional<NetworkId> network = {};
  std::optional<InstanceId> instance = {};
  bool with_deleted = false;
};

/// What whoever serves a network has to know of an interface in it that has an address.
struct Guest {
  NetworkId network;
  std::string name;  ///< of its instance
  std::string mac;
  std::string ipv4;
  std::string floating;  ///< empty: none
};

/// Interfaces and the addresses that they have.
///
/// Thread: HTTP or worker (blocks).
class InterfaceStore {
 public:
  InterfaceStore(Database& database, EventStore& events) : database_(database), events_(events) {}

  /// By network and instance, in the instance's order.
  Result<std::vector<Interface>> List(const InterfaceFilter& filter) const;
  Result<Interface> Find(const InterfaceId& id) const;  ///< kNotFound

  Result<std::vector<Guest>> Guests() const;  ///< of all networks

  /// Another interface for a built instance; it is initial until Plugged(). As MakeInterfaces(),
  /// and kNotReady unless the instance is created, kInvalid when it has as many as there may be,
  /// kConflict when it has the MAC address in another network.
  Result<Interface> Add(const InstanceId& instance, const InterfaceSpec& spec);
  /// initial -> created; or -> error, for that reason, if there is one. Repeating it is fine.
  Result<void> Plugged(const Interface& interface, const std::string& error);

  /// Gives it a floating address, if it has none. kNoCapacity when all are taken; kConflict when it
  /// is deleted; kInvalid when it has no address to lead to, or its network no NAT.
  Result<void> Float(const InterfaceId& id);
  /// Takes it back. Repeating it is fine.
  Result<void> Defloat(const InterfaceId& id);

  Result<void> SetMetadata(const InterfaceId& id, const std::string& key,
                           const std::optional<nlohmann::json>& value);

 private:
  Database& database_;
  EventStore& events_;
};

/// The interfaces of `instance`, as its spec asks for them, with their addresses, after those that
/// it has. kNotFound when a
/// network is gone or of another namespace, kNotReady when it is being deleted, kInvalid when
/// one is to float in a network without NAT, and what TakeAddress() says of addresses.
Result<std::vector<Interface>> MakeInterfaces(Session& session, const Instance& instance);

/// Deletes the interfaces of `instance`, gives their addresses back, and ends the networks that
/// waited only for them.
Result<void> DeleteInterfaces(Session& session, EventStore& events, const InstanceId& instance);

/// Those that `where`, all that follows upon FROM interfaces f, leaves over.
Result<std::vector<Interface>> SelectInterfaces(Session& session, const std::string& where,
                                                const std::vector<Parameter>& values);

}  // namespace sf::store
