// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node/base/id.h"
#include "node/base/result.h"

namespace sf::images {

/// One NIC, as the guest shall set it up.
struct ConfigDriveInterface {
  std::string mac;
  int mtu = 1450;
  bool dhcp = true;  ///< else the address below, statically; neither: the NIC stays bare
  std::string ipv4;  ///< dotted quad, may be empty
  int prefix = 24;
  std::string gateway;  ///< may be empty
};

/// What an instance is told at boot. The texts are strangers' words, valid UTF-8, of any content.
struct ConfigDriveSpec {
  InstanceId uuid;
  std::string name;
  std::string hostname;
  NamespaceId owner;
  std::string availability_zone;
  std::optional<std::string> ssh_key;
  std::optional<std::string> user_data;  ///< decoded
  nlohmann::json metadata = nlohmann::json::object();
  std::vector<ConfigDriveInterface> interfaces;
  std::vector<std::string> dns_servers;
};

/// Writes the drive (OpenStack's layout, volume label config-2) to `path`. Replaces what is there.
Result<void> WriteConfigDrive(const std::filesystem::path& path, const ConfigDriveSpec& spec);

/// Base64 as clients send it: padded, in one line or many. kInvalid otherwise.
Result<std::string> DecodeBase64(std::string_view text);

}  // namespace sf::images
