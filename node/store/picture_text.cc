// SPDX-License-Identifier: Apache-2.0
#include "node/store/picture_text.h"

#include <sodium.h>

#include <array>
#include <nlohmann/json.hpp>

namespace sf {

// How JSON has the records whose members it can hold as they are.

template <class Tag>
void to_json(nlohmann::json& text, const Id<Tag>& id) {
  text = id.value;
}
template <class Tag>
void from_json(const nlohmann::json& text, Id<Tag>& id) {
  text.get_to(id.value);
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Capacity, cpus, memory_mb, disk_gb)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(NodeRecord, name, ip, fqdn, zone, release, state, last_seen,
                                   limit, used, gossip_port, key_ring, drained, silent_for,
                                   metadata)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(NamespaceKey, name, hash, nonce)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Interface, uuid, network, instance, order, mac, ipv4, floating,
                                   model, state, metadata, version)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(AgentFacts, state, start_time, system_boot_time)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(InstanceDisk, device, bus, type, size_gb, url, artifact, blob)

using nlohmann::json;

namespace store {
namespace {

constexpr std::string_view kFormat = "shakenfist-picture 4 ";

std::string Hash(std::string_view text) {
  std::array<unsigned char, crypto_generichash_BYTES> hash;
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  std::array<char, 2 * crypto_generichash_BYTES + 1> digits;
  return sodium_bin2hex(digits.data(), digits.size(), hash.data(), hash.size());
}

json ToJson(const Instance& instance) {
  return {{"uuid", instance.uuid},
          {"name", instance.spec.name},
          {"namespace", instance.spec.name_space},
          {"spec", sf::ToJson(instance.spec)},
          {"metadata", instance.metadata},
          {"disks", instance.disks},
          {"interfaces", instance.interfaces},
          {"node", instance.node},
          {"state", ToString(instance.state)},
          {"error_message", instance.error_message},
          {"lost_from", instance.lost_from ? ToString(*instance.lost_from) : ""},
          {"power_wanted", instance.power_wanted},
          {"power_state", instance.power_state},
          {"agent", instance.agent},
          {"console_port", instance.console_port},
          {"vdi_port", instance.vdi_port},
          {"created_at", instance.created_at},
          {"version", instance.version}};
}

Result<Instance> ParseInstance(const json& text) {
  Instance instance;
  instance.spec = TRY(ParseInstanceSpecJson(text.at("spec").dump()));
  instance.spec.name = text.at("name");
  instance.spec.name_space = text.at("namespace");
  instance.uuid = text.at("uuid");
  instance.metadata = text.at("metadata");
  text.at("disks").get_to(instance.disks);
  text.at("interfaces").get_to(instance.interfaces);
  instance.node = text.at("node");
  instance.state = TRY(ParseInstanceState(text.at("state").get<std::string>()));
  instance.error_message = text.at("error_message");
  if (const std::string lost_from = text.at("lost_from"); !lost_from.empty()) {
    instance.lost_from = TRY(ParseInstanceState(lost_from));
  }
  instance.power_wanted = text.at("power_wanted");
  instance.power_state = text.at("power_state");
  text.at("agent").get_to(instance.agent);
  instance.console_port = text.at("console_port");
  instance.vdi_port = text.at("vdi_port");
  instance.created_at = text.at("created_at");
  instance.version = text.at("version");
  return instance;
}

json ToJson(const Network& network) {
  return {{"uuid", network.uuid},
          {"name", network.name},
          {"namespace", network.name_space},
          {"netblock", ToString(network.netblock)},
          {"provide_dhcp", network.provide_dhcp},
          {"provide_nat", network.provide_nat},
          {"provide_dns", network.provide_dns},
          {"floating_gateway", network.floating_gateway},
          {"routed", network.routed},
          {"vni", network.vni},
          {"state", ToString(network.state)},
          {"metadata", network.metadata},
          {"created_at", network.created_at},
          {"version", network.version}};
}

Result<Network> ParseNetwork(const json& text) {
  Network network;
  network.uuid = text.at("uuid");
  network.name = text.at("name");
  network.name_space = text.at("namespace");
  network.netblock = TRY(Netblock::Parse(text.at("netblock").get<std::string>()));
  network.provide_dhcp = text.at("provide_dhcp");
  network.provide_nat = text.at("provide_nat");
  network.provide_dns = text.at("provide_dns");
  network.floating_gateway = text.at("floating_gateway");
  network.routed = text.at("routed").get<std::vector<std::string>>();
  network.vni = text.at("vni");
  network.state = TRY(ParseNetworkState(text.at("state").get<std::string>()));
  network.metadata = text.at("metadata");
  network.created_at = text.at("created_at");
  network.version = text.at("version");
  return network;
}

Result<Picture> ParseBody(std::string_view body) {
  const json text = json::parse(body);
  Picture picture;
  picture.as_of = text.at("as_of");
  text.at("nodes").get_to(picture.nodes);
  for (const auto& [name, by] : text.at("trusted_by").items()) {
    by.get_to(picture.trusted_by[NamespaceId(name)]);
  }
  for (const auto& [name, keys] : text.at("keys").items()) {
    keys.get_to(picture.keys[NamespaceId(name)]);
  }
  for (const json& one : text.at("instances")) {
    Instance instance = TRY(ParseInstance(one));
    const InstanceId id = instance.uuid;
    picture.instances[id] = std::make_shared<const Kept<Instance>>(std::move(instance));
  }
  for (const json& one : text.at("networks")) {
    Network network = TRY(ParseNetwork(one));
    const NetworkId id = network.uuid;
    picture.networks[id] = std::make_shared<const Kept<Network>>(std::move(network));
  }
  return picture;
}

}  // namespace

std::string ToText(const Picture& picture) {
  json keys = json::object();
  json trusted_by = json::object();
  json instances = json::array();
  json networks = json::array();
  for (const auto& [name, of_it] : picture.keys) keys[name.value] = of_it;
  for (const auto& [name, by] : picture.trusted_by) trusted_by[name.value] = by;
  for (const auto& [uuid, instance] : picture.instances) instances.push_back(ToJson(*instance));
  for (const auto& [uuid, network] : picture.networks) networks.push_back(ToJson(*network));
  const json all = {{"as_of", picture.as_of},
                    {"nodes", picture.nodes},
                    {"keys", std::move(keys)},
                    {"trusted_by", std::move(trusted_by)},
                    {"instances", std::move(instances)},
                    {"networks", std::move(networks)}};
  const std::string body = all.dump(-1, ' ', false, json::error_handler_t::replace);
  return std::string(kFormat) + Hash(body) + "\n" + body + "\n";
}

Result<Picture> ParsePicture(std::string_view text) {
  const std::size_t line = text.find('\n');
  if (!text.starts_with(kFormat) || line == std::string_view::npos || !text.ends_with('\n')) {
    return Fail(Code::kCorrupt, "not a picture, or of another release");
  }
  const std::string_view body = text.substr(line + 1, text.size() - line - 2);
  if (text.substr(kFormat.size(), line - kFormat.size()) != Hash(body)) {
    return Fail(Code::kCorrupt, "its hash does not fit");
  }
  try {
    return ParseBody(body);
  } catch (const json::exception& error) {
    return Fail(Code::kCorrupt, "{}", error.what());
  }
}

}  // namespace store
}  // namespace sf
