// SPDX-License-Identifier: Apache-2.0
#include "node/api/network_request.h"

#include <algorithm>

#include "compute/domain_spec.h"
#include "node/api/body.h"
#include "node/base/uuid.h"

namespace sf::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxName = 255;
// Network, gateway, broadcast, and a few for guests.
constexpr int kLongestPrefix = 29;
constexpr int kShortestPrefix = 8;

/// Any text that a path can carry and that is not taken for a UUID.
bool IsNetworkName(std::string_view name) {
  return !name.empty() && name.size() <= kMaxName && !IsUuid(name) &&
         std::none_of(name.begin(), name.end(),
                      [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

Result<Netblock> ParseNetblock(const std::string& text) {
  const auto block = Netblock::Parse(text);
  if (!block) return Fail(Code::kInvalid, "netblock: {}", block.error().message);
  if (block->prefix_length() < kShortestPrefix || block->prefix_length() > kLongestPrefix) {
    return Fail(Code::kInvalid, "netblock {} is not of a size from /{} to /{}", text,
                kShortestPrefix, kLongestPrefix);
  }
  return *block;
}

/// The key absent, or "" from a client that always sends it: any address; null or "none": none.
Result<void> ParseAddress(const json& entry, const std::string& where, InterfaceSpec& spec) {
  const auto found = entry.find("address");
  if (found == entry.end()) return {};
  if (!found->is_null() && !found->is_string()) {
    return Fail(Code::kInvalid, "{}.address is not a string", where);
  }
  spec.address = found->is_null() ? "none" : found->get<std::string>();
  if (spec.address != "none") return {};
  spec.address.clear();
  spec.with_address = false;
  return {};
}

}  // namespace

Result<InterfaceSpec> ParseInterfaceSpec(const json& entry, const std::string& where) {
  if (!entry.is_object()) return Fail(Code::kInvalid, "{} is not an object", where);
  const Fields fields(entry, where + ".");
  InterfaceSpec spec;
  spec.network_name = TRY(fields.Required("network_uuid"));
  TRY(ParseAddress(entry, where, spec));
  if (const auto mac = TRY(fields.NonEmpty("macaddress"))) {
    spec.mac = CanonicalMac(*mac);
    if (spec.mac.empty()) {
      return Fail(Code::kInvalid, "{}.macaddress {:.40} is not the MAC address of one station",
                  where, *mac);
    }
  }
  spec.model = TRY(fields.NonEmpty("model")).value_or(spec.model);
  if (!compute::IsNicModel(spec.model)) {
    return Fail(Code::kInvalid, "{}.model {:.40} is not a known model", where, spec.model);
  }
  spec.floating = TRY(fields.Flag("float", false));
  if (spec.floating && !spec.with_address) {
    return Fail(Code::kInvalid, "{}.float needs an address to lead to", where);
  }
  return spec;
}

Result<Network> ParseNetworkRequest(const json& body, const Caller& caller) {
  const Fields fields(body);
  Network network;
  network.name = TRY(fields.Required("name"));
  if (!IsNetworkName(network.name)) {
    return Fail(Code::kInvalid,
                "name must have 1 to {} bytes, no control characters, and not look like a UUID",
                kMaxName);
  }
  network.name_space =
      NamespaceId(TRY(fields.NonEmpty("namespace")).value_or(caller.name_space.value));
  if (!caller.Owns(network.name_space)) {
    return Fail(Code::kUnauthorized, "namespace {:.63} is not yours", network.name_space);
  }
  network.netblock = TRY(ParseNetblock(TRY(fields.Required("netblock"))));
  network.provide_dhcp = TRY(fields.Flag("provide_dhcp", true));
  network.provide_nat = TRY(fields.Flag("provide_nat", true));
  network.provide_dns = TRY(fields.Flag("provide_dns", false));
  return network;
}

Result<std::vector<InterfaceSpec>> ParseInterfaceSpecs(const json& body) {
  std::vector<InterfaceSpec> specs;
  const json* networks = Fields(body).Any("network");
  if (networks == nullptr) return specs;
  if (!networks->is_array()) return Fail(Code::kInvalid, "network is not a list");
  if (networks->size() > kMaxInterfaces) {
    return Fail(Code::kInvalid, "network has {} entries; {} are possible", networks->size(),
                kMaxInterfaces);
  }
  for (std::size_t i = 0; i < networks->size(); ++i) {
    specs.push_back(TRY(ParseInterfaceSpec((*networks)[i], fmt::format("network[{}]", i))));
  }
  return specs;
}

}  // namespace sf::api
