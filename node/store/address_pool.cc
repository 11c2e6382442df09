// SPDX-License-Identifier: Apache-2.0
#include "node/store/address_pool.h"

namespace sf::store {
namespace {

/// The first address from `first` to `last` that no row has.
Result<IpAddress> FirstFree(Session& session, const NetworkId& network, IpAddress first,
                            IpAddress last) {
  // What is free is the first itself, or follows upon one that is taken.
  const auto rows = TRY(session.Query(
      "SELECT MIN(c.address) FROM (SELECT ? AS address UNION ALL SELECT address + 1 FROM addresses"
      " WHERE network_uuid = ? AND address >= ? AND address < ?) c WHERE NOT EXISTS"
      " (SELECT 1 FROM addresses a WHERE a.network_uuid = ? AND a.address = c.address)",
      first.value, network, first.value, last.value, network));
  if (rows.at(0).IsNull(0)) {
    return Fail(Code::kNoCapacity, "network {} has no free address", network);
  }
  return IpAddress{static_cast<std::uint32_t>(rows[0].Integer(0))};
}

Result<IpAddress> Choose(Session& session, const LockedNetwork& network,
                         const std::string& wanted) {
  const Netblock& block = network.netblock;
  if (wanted.empty()) {
    const IpAddress first{block.gateway().value + 1};
    return FirstFree(session, network.uuid, first, IpAddress{block.broadcast().value - 1});
  }
  const auto address = IpAddress::Parse(wanted);
  if (!address || !block.IsForInstances(*address)) {
    return Fail(Code::kInvalid, "{:.40} is no address that an instance may have in {}, network {}",
                wanted, ToString(block), network.uuid);
  }
  return *address;
}

}  // namespace

Result<LockedNetwork> LockNetwork(Session& session, const NetworkId& id) {
  const auto rows = TRY(session.Query(
      "SELECT namespace, state, netblock, provide_nat FROM networks WHERE uuid = ? FOR UPDATE",
      id));
  if (rows.empty()) return Fail(Code::kNotFound, "network {} not found", id);
  const NetworkState state = TRY(ParseNetworkState(rows[0].Text(1)));
  const Netblock netblock = TRY(Netblock::Parse(rows[0].Text(2)));
  LockedNetwork network{id, NamespaceId(rows[0].Text(0)), state, netblock, rows[0].Integer(3) != 0};
  if (network.state == NetworkState::kDeleted) {
    return Fail(Code::kNotFound, "network {} not found", id);
  }
  return network;
}

Result<std::string> TakeAddress(Session& session, const LockedNetwork& network,
                                const std::string& wanted, std::string_view owner) {
  const IpAddress address = TRY(Choose(session, network, wanted));
  const auto taken =
      session.Execute("INSERT INTO addresses (network_uuid, address, owner_uuid) VALUES (?, ?, ?)",
                      network.uuid, address.value, owner);
  if (!taken && taken.error().code == Code::kConflict) {
    return Fail(Code::kConflict, "the address {} is in use in network {}", ToString(address),
                network.uuid);
  }
  if (!taken) return tl::unexpected(taken.error());
  return ToString(address);
}

Result<std::string> TakeFloatingAddress(Session& session, std::string_view owner) {
  auto taken = TakeAddress(session, TRY(LockNetwork(session, kFloatingNetwork)), "", owner);
  if (!taken && taken.error().code == Code::kNoCapacity) {
    return Fail(Code::kNoCapacity, "all floating addresses are taken");
  }
  return taken;
}

}  // namespace sf::store
