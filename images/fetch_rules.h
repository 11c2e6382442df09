// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "node/base/http_client.h"
#include "node/base/result.h"

// Which servers a node may be sent to by a stranger's URL: this host may reach what the stranger
// cannot.
namespace sf::images {

/// An IPv6 address, or an IPv4 one in the form ::ffff:192.0.2.1.
using ServerAddress = std::array<std::uint8_t, 16>;

/// Servers, as an operator lists them: names, "*." and the end of names, addresses and netblocks.
class ServerList {
 public:
  static Result<ServerList> Parse(const std::vector<std::string>& entries);

  /// The entry that `host` or `address` is among; null when there is none.
  const std::string* FindName(std::string_view host) const;
  const std::string* FindAddress(const ServerAddress& address) const;

 private:
  struct Block {
    ServerAddress prefix;
    int bits;
    std::string entry;
  };
  std::vector<std::string> names_;  ///< lower case; "*.example.com" is any name below it
  std::vector<Block> blocks_;
};

/// The operator's word on where images come from. What `deny` lists is never asked; what `allow`
/// lists may be; of the rest, anything but this host, its links' other ends, and the nodes.
struct FetchRules {
  ServerList allow;
  ServerList deny;

  /// kForbidden says which URL leads to which address, what forbids it, and how that is changed.
  /// `nodes` are the addresses of all nodes. Pure.
  Result<void> Judge(const HttpTarget& target, const std::set<std::string>& nodes) const;
};

}  // namespace sf::images
