// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "net/services_spec.h"
#include "node/base/result.h"
#include "templates/render.h"

// The texts that nftables is given.
namespace sf::net {

/// What the gateway of `network`, which has a floating gateway, translates and lets pass.
Result<std::string> GatewayRules(const WantedNetwork& network, const Templates& templates);

/// What this host does with what the gateways send out.
Result<std::string> EgressRules(const std::string& cluster_id, const WantedEgress& egress,
                                const Templates& templates);

/// Fails when the operator's own copies cannot be filled.
Result<void> CheckNatTemplates(const Templates& templates);

}  // namespace sf::net
