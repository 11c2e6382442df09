// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <set>
#include <string>

#include "net/netlink.h"
#include "net/nftables.h"
#include "net/services_spec.h"
#include "node/base/file_descriptor.h"
#include "node/base/result.h"

namespace sf::net {

/// What all ways out begin with, each on the host with the VNI behind it.
inline constexpr char kWayOut[] = "sf-out-";
/// Where gateways find the host at the other end of their way out: on that link alone, and never
/// the source of anything.
inline constexpr IpAddress kHostEnd{0xa9fe0001};  // 169.254.0.1

/// What the host's links and settings say of the way out by `nic`.
Result<WantedEgress> DescribeEgress(Netlink& netlink, const std::string& nic,
                                    const Netblock& floating);

/// kConflict when this host drops all that it is not told to forward, and has no place where we
/// could tell it (Docker's chain for others).
Result<void> LetsWaysOutThrough();

/// What the floating addresses are to be on this host: NIC, rules and who is told of them. It has
/// nothing to do with what is behind them.
struct EgressWish {
  std::string cluster_id;
  WantedEgress egress;
  std::string rules;              ///< net/nat_rules.h
  std::set<IpAddress> addresses;  ///< that lead here
  bool operator==(const EgressWish&) const = default;
};

/// The host's part in NAT: what comes in by the NIC for a floating address is routed to the gateway
/// that has it, the outside is told that the address is here, and what leaves is let out.
///
/// The rules go with this object, the rest with Clear(); so what a process leaves behind that was
/// killed are answers to ARP which the kernel does not give while no route leads to their address.
///
/// Thread: the only one (blocks).
class Egress {
 public:
  /// `netlink` is the host's.
  explicit Egress(Netlink& netlink) : netlink_(netlink) {}

  /// Reads, compares, changes; looks only now and then when nothing is new.
  Result<void> Keep(const EgressWish& wish, BootTime now);
  /// Until nothing of ours is left, whoever has made it.
  Result<void> Clear(const std::string& cluster_id, const WantedEgress& egress);

 private:
  Result<void> Look(const EgressWish& wish, bool same);
  Result<void> KeepRules(const EgressWish& wish);
  Result<void> KeepAnswers(const WantedEgress& egress, const std::set<IpAddress>& addresses);
  Result<void> Announce(const Link& nic, const std::set<IpAddress>& addresses);

  Netlink& netlink_;
  std::optional<Nftables> rules_;
  std::optional<EgressWish> kept_;
  BootTime next_look_ = {};
  Result<void> last_ = {};
  int announcements_left_ = 0;
  FileDescriptor announcer_;
};

}  // namespace sf::net
