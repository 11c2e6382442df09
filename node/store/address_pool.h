// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "node/model/network.h"
#include "node/store/database.h"

namespace sf::store {

/// A network whose row this transaction has locked: until it ends nobody else takes an address of
/// it, adds an interface to it or deletes it.
struct LockedNetwork {
  NetworkId uuid;
  NamespaceId name_space;
  NetworkState state = NetworkState::kCreated;
  Netblock netblock;
  bool provide_nat = false;
};

/// kNotFound when there is none, or when it is deleted.
Result<LockedNetwork> LockNetwork(Session& session, const NetworkId& id);

/// Takes `wanted` for `owner`, or the first free address if `wanted` is empty. Never the block's
/// own, its broadcast or its gateway, which is the first that a host could have. kInvalid when it
/// is none of the block's, kConflict when somebody has it, kNoCapacity when all are taken.
Result<std::string> TakeAddress(Session& session, const LockedNetwork& network,
                                const std::string& wanted, std::string_view owner);

/// One of the built-in network.
Result<std::string> TakeFloatingAddress(Session& session, std::string_view owner);

}  // namespace sf::store
