// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>

namespace sf {

/// What the defaults of some options are taken from.
struct HostFacts {
  std::string name;
  /// The source address of the default route, else the only one that is not loopback, else empty.
  std::string address;
  std::map<std::string, std::string> nic_by_address;  ///< IPv4, without loopback.
  std::string egress_nic = {};                        ///< the default route's; may be empty
  unsigned cores = 1;
  std::string dns_server =
      {};  ///< The first IPv4 one that is not on this host itself; may be empty.
};

HostFacts ReadHostFacts();

/// Every address that this host has at this moment, of both kinds, in the usual form.
std::set<std::string> ReadOwnAddresses();

}  // namespace sf
