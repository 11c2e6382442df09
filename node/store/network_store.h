// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/model/network.h"
#include "node/store/address_pool.h"
#include "node/store/database.h"
#include "node/store/event_store.h"

namespace sf::store {

/// Which networks a listing is about. Unset means any.
struct NetworkFilter {
  std::optional<NamespaceId> name_space = {};
  std::optional<std::string> name = {};
  std::optional<NetworkId> uuid = {};  ///< Finds it in whatever state.
  bool with_deleted = false;
  std::vector<NetworkId> among = {};  ///< only these, if there are any
};

/// Networks as MySQL keeps them. That no two share a VNI is the row's UNIQUE key.
///
/// Thread: HTTP or worker (blocks).
class NetworkStore {
 public:
  using DrawVni = std::function<std::uint32_t()>;

  NetworkStore(Database& database, EventStore& events, DrawVni draw_vni = RandomVni)
      : database_(database), events_(events), draw_vni_(std::move(draw_vni)) {}

  /// Any of 24 bits but 0.
  static std::uint32_t RandomVni();

  /// The built-in network, whose block is `netblock` from now on unless addresses of another are
  /// taken: then it stays as it is. Says which block it has.
  Result<Netblock> EnsureFloating(const Netblock& netblock);

  /// With a VNI of its own and, for NAT, a floating address. kNotFound when the namespace is gone,
  /// kNoCapacity when all floating addresses are taken.
  Result<Network> Create(const Network& wanted);

  Result<std::vector<Network>> List(const NetworkFilter& filter) const;  ///< by creation
  Result<Network> Find(const NetworkId& id) const;                       ///< kNotFound

  /// -> deleted, or -> delete-wait while it has interfaces; the last of them then deletes it.
  /// Repeating it is fine. kNotFound when it is deleted already, kForbidden for the built-in one;
  /// kConflict, and nothing is changed, when it has interfaces and `wait` is false.
  Result<void> Delete(const NetworkId& id, bool wait);

  /// Takes a floating address that leads to the network as it is. kInvalid without NAT, kNotReady
  /// when the network is being deleted, kNoCapacity when all are taken.
  Result<std::string> Route(const NetworkId& id);
  /// Gives it back. kNotFound unless it is routed, kForbidden when it is routed to another network.
  Result<void> Unroute(const NetworkId& id, IpAddress address);

  Result<void> SetMetadata(const NetworkId& id, const std::string& key,
                           const std::optional<nlohmann::json>& value);
  /// Forgets up to `limit` of those deleted more than `age_s` seconds ago, and their events.
  Result<std::int64_t> Reap(double age_s, int limit);

 private:
  Database& database_;
  EventStore& events_;
  const DrawVni draw_vni_;
};

/// An interface of `network` was deleted: if it was the last that the network waited for, the
/// network is, too.
Result<void> FinishDelete(Session& session, EventStore& events, const LockedNetwork& network);

}  // namespace sf::store
