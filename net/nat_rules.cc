// SPDX-License-Identifier: Apache-2.0
#include "net/nat_rules.h"

#include <nlohmann/json.hpp>

#include "net/egress.h"

namespace sf::net {

using nlohmann::json;

Result<std::string> GatewayRules(const WantedNetwork& network, const Templates& templates) {
  json floating = json::array();
  for (const FloatingAddress& pair : network.floating) {
    floating.push_back({{"outside", ToString(pair.outside)}, {"inside", ToString(pair.inside)}});
  }
  json routed = json::array();
  for (const IpAddress address : network.routed) routed.push_back(ToString(address));
  return templates.Render(
      "gateway.nft",
      {{"network", network.uuid.value},
       {"netblock", ToString(network.netblock)},
       {"gateway", ToString(network.gateway)},
       {"floating_gateway", ToString(network.floating_gateway.value_or(IpAddress()))},
       {"floats", !floating.empty()},
       {"floating", floating},
       {"routes", !routed.empty()},
       {"routed", routed}});
}

Result<std::string> EgressRules(const std::string& cluster_id, const WantedEgress& egress,
                                const Templates& templates) {
  return templates.Render("egress.nft", {{"table", EgressTable(cluster_id)},
                                         {"nic", egress.nic},
                                         {"floating", ToString(egress.floating)},
                                         {"router", egress.router},
                                         {"masquerade", egress.masquerade}});
}

Result<void> CheckNatTemplates(const Templates& templates) {
  WantedNetwork network;
  TRY(GatewayRules(network, templates));
  network.floating.emplace_back();  // Opens the sections for what may be missing.
  network.routed.emplace_back();
  TRY(GatewayRules(network, templates));
  TRY(EgressRules("0", {.router = false, .masquerade = true}, templates));
  TRY(EgressRules("0", {.router = true, .masquerade = false}, templates));
  return {};
}

}  // namespace sf::net
