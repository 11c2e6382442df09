// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "node/base/result.h"

namespace sf {

/// An IPv4 address, as a number in the host's own byte order, so that addresses can be counted.
struct IpAddress {
  std::uint32_t value = 0;

  /// Four decimal numbers with dots and nothing else: no leading zeros, no names, no blanks.
  static Result<IpAddress> Parse(std::string_view text);
  auto operator<=>(const IpAddress&) const = default;
};

/// A block of IPv4 addresses that share a prefix: "192.168.10.0/24".
class Netblock {
 public:
  Netblock() = default;  ///< 0.0.0.0/32, which no network has

  /// kInvalid when it is none, also when bits behind the prefix are set.
  static Result<Netblock> Parse(std::string_view text);
  static Netblock Of(IpAddress address);  ///< that one address, a /32

  IpAddress network() const { return network_; }
  int prefix_length() const { return prefix_length_; }
  IpAddress netmask() const;
  IpAddress broadcast() const;
  std::uint64_t size() const { return std::uint64_t{1} << (32 - prefix_length_); }
  /// The first address that a host could have: always the router's.
  IpAddress gateway() const { return {network_.value + 1}; }

  bool Contains(IpAddress address) const;
  bool Overlaps(const Netblock& other) const;
  /// The n-th address, from the network's own as the 0th. n must be less than size().
  IpAddress At(std::uint64_t n) const;
  /// Whether an instance may have it: in the block, and neither the network's own, nor the
  /// router's, nor the broadcast's.
  bool IsForInstances(IpAddress address) const;
  /// The lowest that IsForInstances() and is not in `taken`.
  std::optional<IpAddress> FirstFree(const std::set<IpAddress>& taken) const;

  auto operator<=>(const Netblock&) const = default;

 private:
  IpAddress network_;
  int prefix_length_ = 32;
};

std::string ToString(IpAddress address);
std::string ToString(const Netblock& netblock);

}  // namespace sf
