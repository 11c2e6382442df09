// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <utility>

#include "net/services_spec.h"
#include "node/base/result.h"
#include "templates/render.h"

// The texts that nftables is given.
namespace sf::net {

/// The name of the tables of rules that this cluster has on the host, one in each family.
std::string RulesTable(const std::string& cluster_id);

/// What the gateway of `network`, which has a floating gateway, translates and lets pass.
Result<std::string> GatewayRules(const WantedNetwork& network, const Templates& templates);

/// Who runs this cloud. A guest has no business with them by way of its network; and what it sends
/// out would look to them as if a node had sent it.
struct Shield {
  std::set<IpAddress> nodes = {};
  std::set<std::pair<IpAddress, std::uint16_t>> databases = {};  ///< with their TCP ports
  std::set<IpAddress> dns_servers = {};                          ///< are asked, wherever they are
};

/// What this host does with what the gateways send out.
Result<std::string> EgressRules(const std::string& cluster_id, const WantedEgress& egress,
                                const Shield& shield, const Templates& templates);

/// Fails when the operator's own copies cannot be filled.
Result<void> CheckNatTemplates(const Templates& templates);

}  // namespace sf::net
