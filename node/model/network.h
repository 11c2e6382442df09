// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "node/base/id.h"
#include "node/base/netblock.h"
#include "node/base/result.h"

namespace sf {

/// The built-in network that floating addresses are of. It has no mesh, and nobody deletes it.
inline const NetworkId kFloatingNetwork{"f10a7176-0000-4000-8000-000000000000"};

/// created -> (delete-wait ->) deleted. A network is created as soon as its row is there: every
/// node joins its mesh by itself. It waits in delete-wait for its last interface.
enum class NetworkState { kCreated, kDeleteWait, kDeleted };

std::string_view ToString(NetworkState state);
Result<NetworkState> ParseNetworkState(std::string_view text);

/// A virtual network: one broadcast domain over all nodes, by VXLAN.
struct Network {
  NetworkId uuid;
  std::string name;
  NamespaceId name_space;
  Netblock netblock;
  bool provide_dhcp = false;
  bool provide_nat = false;
  bool provide_dns = false;
  std::string floating_gateway;          ///< what its guests' traffic leaves by; empty without NAT
  std::vector<std::string> routed = {};  ///< floating addresses that lead to it as they are
  std::uint32_t vni = 0;                 ///< 24 bits; 0 for the built-in one
  NetworkState state = NetworkState::kCreated;
  nlohmann::json metadata = nlohmann::json::object();
  double created_at = 0;  ///< seconds since the epoch, by the database's clock
  std::int64_t version = 0;
};

}  // namespace sf
