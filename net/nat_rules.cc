// SPDX-License-Identifier: Apache-2.0
#include "net/nat_rules.h"

#include <nlohmann/json.hpp>

namespace sf::net {

using nlohmann::json;

std::string RulesTable(const std::string& cluster_id) {
  constexpr std::size_t kClusterIdLetters = 8;
  return fmt::format("shakenfist_{:.{}}", cluster_id, kClusterIdLetters);
}

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
                                const Shield& shield, const Templates& templates) {
  json nodes = json::array();
  for (const IpAddress node : shield.nodes) nodes.push_back(ToString(node));
  json databases = json::array();
  for (const auto& [address, port] : shield.databases) {
    databases.push_back({{"address", ToString(address)}, {"port", port}});
  }
  json dns_servers = json::array();
  for (const IpAddress server : shield.dns_servers) dns_servers.push_back(ToString(server));
  return templates.Render("egress.nft", {{"table", RulesTable(cluster_id)},
                                         {"nic", egress.nic},
                                         {"floating", ToString(egress.floating)},
                                         {"router", egress.router},
                                         {"masquerade", egress.masquerade},
                                         {"has_nodes", !nodes.empty()},
                                         {"nodes", nodes},
                                         {"has_databases", !databases.empty()},
                                         {"databases", databases},
                                         {"has_dns_servers", !dns_servers.empty()},
                                         {"dns_servers", dns_servers}});
}

Result<void> CheckNatTemplates(const Templates& templates) {
  WantedNetwork network;
  TRY(GatewayRules(network, templates));
  network.floating.emplace_back();  // Opens the sections for what may be missing.
  network.routed.emplace_back();
  TRY(GatewayRules(network, templates));
  const Shield shield{.nodes = {{}}, .databases = {{}}, .dns_servers = {{}}};
  TRY(EgressRules("0", {.router = false, .masquerade = true}, shield, templates));
  TRY(EgressRules("0", {.router = true, .masquerade = false}, {}, templates));
  return {};
}

}  // namespace sf::net
