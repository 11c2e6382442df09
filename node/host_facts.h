// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>

namespace sf {

/// What the defaults of some options are taken from.
struct HostFacts {
  std::string name;
  /// The source address of the default route, else the only one that is not loopback, else empty.
  std::string address;
  std::map<std::string, std::string> nic_by_address;  ///< IPv4, without loopback.
  unsigned cores = 1;
};

HostFacts ReadHostFacts();

}  // namespace sf
