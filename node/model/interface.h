// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "node/base/id.h"

namespace sf {

/// How many an instance may have.
inline constexpr std::size_t kMaxInterfaces = 16;

/// What an owner asks of one interface of an instance, as checked by the API.
struct InterfaceSpec {
  std::string network_name;  ///< a name or a UUID, as it was given
  NetworkId network;         ///< what that stands for, once it was looked up
  bool with_address = true;
  std::string address;  ///< empty: any that is free
  std::string mac;      ///< empty: any
  std::string model = "virtio";
  bool floating = false;
};

/// One NIC of an instance in one network. It is made with its instance or added to it, and deleted
/// with it. One that was added is initial until its node has plugged it in, or in error when it
/// could not be.
struct Interface {
  InterfaceId uuid;
  NetworkId network;
  InstanceId instance;
  int order = 0;  ///< among the instance's, from 0
  std::string mac;
  std::string ipv4;      ///< empty: it has none
  std::string floating;  ///< the address that it has outside; empty: none
  std::string model;
  std::string state = "created";  ///< initial, created, error or deleted
  nlohmann::json metadata = nlohmann::json::object();
  std::int64_t version = 0;
};

/// `text` in the form that we keep, lower case with colons; empty if it is not the MAC address of
/// one station.
std::string CanonicalMac(std::string_view text);

}  // namespace sf
