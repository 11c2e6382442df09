// SPDX-License-Identifier: Apache-2.0
#include "node/api/addresses.h"

namespace sf::api {
namespace {

using nlohmann::json;

json Entry(std::string address, const char* type, json user, std::string comment) {
  return {{"address", std::move(address)},
          {"type", type},
          {"user", std::move(user)},
          {"comment", std::move(comment)}};
}

json UserOf(const Network& network) { return {"network", network.uuid.value}; }
json UserOf(const Interface& interface) { return {"instance", interface.instance.value}; }

/// What no instance can have.
void AddFixed(const Network& network, json& list) {
  const Netblock& block = network.netblock;
  const bool floating = network.uuid == kFloatingNetwork;
  list.push_back(Entry(ToString(block.network()), "network", UserOf(network), "the block's own"));
  list.push_back(Entry(ToString(block.gateway()), "gateway", UserOf(network),
                       floating ? "left to a router of the outside" : "the router"));
  list.push_back(Entry(ToString(block.broadcast()), "broadcast", UserOf(network), "to all"));
}

void AddOutside(const Network& network, json& list) {
  if (!network.floating_gateway.empty()) {
    list.push_back(Entry(network.floating_gateway, "floating", UserOf(network),
                         "what its instances leave by"));
  }
  for (const std::string& address : network.routed) {
    list.push_back(Entry(address, "routed", UserOf(network), "routed to it as it is"));
  }
}

}  // namespace

json AddressesOf(const Network& network, const std::vector<Network>& networks,
                 const std::vector<Interface>& interfaces) {
  json list = json::array();
  if (network.state == NetworkState::kDeleted) return list;
  AddFixed(network, list);
  for (const Interface& each : interfaces) {
    if (each.network != network.uuid || each.ipv4.empty()) continue;
    list.push_back(
        Entry(each.ipv4, "instance", UserOf(each), fmt::format("interface {}", each.uuid)));
  }
  for (const Network& each : networks) AddOutside(each, list);
  for (const Interface& each : interfaces) {
    if (each.floating.empty()) continue;
    list.push_back(
        Entry(each.floating, "floating", UserOf(each), fmt::format("leads to {}", each.ipv4)));
  }
  return list;
}

}  // namespace sf::api
