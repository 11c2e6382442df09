// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "net/link.h"
#include "net/mesh.h"
#include "net/netlink.h"
#include "net/nftables.h"
#include "net/tap.h"
#include "node/base/id.h"
#include "node/base/netblock.h"
#include "node/base/result.h"
#include "templates/render.h"

namespace sf::net {

/// The host's end of a guest's NIC, and as whom the guest may speak there.
struct GuestNic {
  InterfaceId interface = {};
  InstanceId instance = {};
  Vni vni = 0;  ///< of its network
  int mtu = 0;
  std::string mac = {};                ///< lower case
  std::set<IpAddress> addresses = {};  ///< its own, and those that are routed to its network
  auto operator<=>(const GuestNic&) const = default;
};

/// "sf-" and the first 12 digits of the interface's UUID: 15 characters, the most that a name may
/// have.
std::string TapName(const InterfaceId& interface);

/// What may come out of the guest of `nic`, as nftables is told. The table is the cluster's.
Result<std::string> NicRules(const std::string& cluster_id, const GuestNic& nic,
                             const Templates& templates);
/// Fails when the operator's own copy cannot be filled.
Result<void> CheckNicTemplate(const Templates& templates);

/// The NICs of this host's guests: a tap device each, in the bridge of its network, and a chain of
/// rules on it which lets nothing through but what its guest may say.
///
/// The tap is there, with its rules, before QEMU opens it, and stays while the guest is off: there
/// is no moment at which a guest could speak without rules. Each call reads the kernel and changes
/// only what differs. A tap is ours by its alias, "shakenfist CLUSTER INSTANCE/INTERFACE".
///
/// Thread: worker (blocks).
class GuestNics {
 public:
  GuestNics(std::string cluster_id, const Templates& templates)
      : cluster_id_(std::move(cluster_id)), templates_(templates) {}

  /// Makes of each what is wanted. The bridges are there.
  Result<void> Make(std::span<const GuestNic> nics);
  /// Removes those of an instance that is gone.
  Result<void> Remove(const InstanceId& instance);

  /// What is here, by the name of the tap.
  struct Present {
    std::set<std::string> chains;
    std::map<std::string, Link> taps;
  };
  Result<Present> Read();
  /// Makes all, and removes what is not among them. `present` is what Read() said before `nics`
  /// was known, so that what was made meanwhile is not taken for what nobody wants.
  Result<void> Keep(std::span<const GuestNic> nics, const Present& present);

 private:
  struct Chains {
    bool table = false;                        ///< whether there is one of the cluster
    std::map<std::string, std::string> marks;  ///< what was loaded, by the name of the tap
  };
  /// What one of them lacks.
  struct Part {
    std::string rules;
    std::optional<SetLink> plug;
  };
  // These need mutex_.
  Result<Chains> ReadChains(Nftables& nftables) const;
  std::map<std::string, Link> ReadTaps(const std::vector<Link>& links) const;
  Result<void> MakeAll(std::span<const GuestNic> nics);
  /// Puts the tap among those that are `made`, if it is.
  Result<Part> Prepare(const GuestNic& nic, const std::map<std::string, Link>& links,
                       const Chains& chains, Netlink& netlink, std::vector<Tap>& made) const;
  Result<void> RemoveAll(const std::vector<Link>& taps, const std::set<std::string>& chains);

  const std::string cluster_id_;
  const Templates& templates_;
  /// Guards the cluster's table: it is removed when it is empty, and nobody may be about to add to
  /// it then.
  std::mutex mutex_;
};

}  // namespace sf::net
