// SPDX-License-Identifier: Apache-2.0
#include "images/config_drive.h"

#include <sodium.h>

#include <array>
#include <map>
#include <utility>

#include "images/archive.h"
#include "node/base/check.h"

namespace sf::images {
namespace {

using nlohmann::json;

/// JSON by a JSON library and not from a template: every string of a stranger stays one string.
/// Replaces what is not UTF-8 instead of throwing; the API has refused such text long before.
std::string Dump(const json& document) {
  return document.dump(-1, ' ', /*ensure_ascii=*/false, json::error_handler_t::replace);
}

/// Seeds the guest's random generator, which has little else to begin with.
std::string RandomSeed() {
  std::array<unsigned char, 256> bytes;
  randombytes_buf(bytes.data(), bytes.size());
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(),
                    sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // its NUL
  return text;
}

json MetaData(const ConfigDriveSpec& spec) {
  json document = {{"uuid", spec.uuid.value},
                   {"name", spec.name},
                   {"hostname", spec.hostname},
                   {"launch_index", 0},
                   {"availability_zone", spec.availability_zone},
                   {"project_id", spec.owner.value},
                   {"random_seed", RandomSeed()},
                   {"meta", spec.metadata}};
  if (spec.ssh_key) document["public_keys"] = {{"mykey", *spec.ssh_key}};
  return document;
}

std::string Netmask(int prefix) {
  const auto bits =
      static_cast<std::uint32_t>(prefix <= 0 ? 0 : ~std::uint64_t{0} << (32 - prefix));
  return fmt::format("{}.{}.{}.{}", bits >> 24, bits >> 16 & 255, bits >> 8 & 255, bits & 255);
}

json Network(const ConfigDriveInterface& interface, const std::string& id,
             const std::string& link) {
  if (interface.dhcp) return {{"id", id}, {"link", link}, {"type", "ipv4_dhcp"}};
  json routes = json::array();
  if (!interface.gateway.empty()) {
    routes.push_back(
        {{"network", "0.0.0.0"}, {"netmask", "0.0.0.0"}, {"gateway", interface.gateway}});
  }
  return {{"id", id},
          {"link", link},
          {"type", "ipv4"},
          {"ip_address", interface.ipv4},
          {"netmask", Netmask(interface.prefix)},
          {"routes", routes}};
}

json NetworkData(const ConfigDriveSpec& spec) {
  json links = json::array();
  json networks = json::array();
  json services = json::array();
  for (std::size_t i = 0; i < spec.interfaces.size(); ++i) {
    const ConfigDriveInterface& interface = spec.interfaces[i];
    const std::string link = fmt::format("nic{}", i);
    links.push_back({{"id", link},
                     {"type", "phy"},
                     {"ethernet_mac_address", interface.mac},
                     {"mtu", interface.mtu}});
    if (interface.dhcp || !interface.ipv4.empty()) {
      networks.push_back(Network(interface, fmt::format("network{}", i), link));
    }
  }
  for (const std::string& address : spec.dns_servers) {
    services.push_back({{"type", "dns"}, {"address", address}});
  }
  return {{"links", links}, {"networks", networks}, {"services", services}};
}

}  // namespace

Result<void> WriteConfigDrive(const std::filesystem::path& path, const ConfigDriveSpec& spec) {
  std::map<std::string, std::string> texts = {{"meta_data.json", Dump(MetaData(spec))},
                                              {"network_data.json", Dump(NetworkData(spec))},
                                              {"vendor_data.json", "{}"},
                                              {"vendor_data2.json", "{}"}};
  if (spec.user_data) texts["user_data"] = *spec.user_data;
  // cloud-init asks for the newest version that it knows, other readers for "latest".
  std::map<std::string, std::string> files;
  for (const char* version : {"latest", "2017-02-22"}) {
    for (const auto& [name, text] : texts) {
      files[fmt::format("openstack/{}/{}", version, name)] = text;
    }
  }
  return WriteIso(path, "config-2", files);
}

Result<std::string> DecodeBase64(std::string_view text) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  std::size_t length = 0;
  const int status =
      sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), " \t\r\n", &length, nullptr, sodium_base64_VARIANT_ORIGINAL);
  if (status != 0) return Fail(Code::kInvalid, "the text is not base64");
  bytes.resize(length);
  return bytes;
}

}  // namespace sf::images
