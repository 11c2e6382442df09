// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "node/base/netblock.h"

// What a kernel has of links, and what it can be asked to change, as plain values: what decides
// needs no kernel, and what carries out decides nothing.
namespace sf::net {

using Mac = std::array<std::uint8_t, 6>;

/// The address of a VXLAN's flood entries: where frames go whose receiver is not known.
inline constexpr Mac kFlood = {};

/// What cannot be changed of a VXLAN device once it is there.
struct Vxlan {
  std::uint32_t vni = 0;
  IpAddress local;  ///< the address that it sends from
  int nic = 0;      ///< the link that it sends by
  std::uint16_t port = 0;
  auto operator<=>(const Vxlan&) const = default;
};

struct Link {
  int index = 0;
  std::string name;
  std::string alias;
  std::string kind;  ///< "bridge", "vxlan", "veth", ...; empty for hardware
  int mtu = 0;
  int master = 0;
  std::uint32_t group = 0;
  Mac mac = {};
  bool up = false;
  bool link_local = false;     ///< whether it gives itself an IPv6 address
  std::optional<Vxlan> vxlan;  ///< of one that sends over IPv4 to entries alone
};

/// Frames for `mac` go to the node at `vtep`.
struct FdbEntry {
  int link = 0;
  Mac mac = kFlood;
  IpAddress vtep;
  auto operator<=>(const FdbEntry&) const = default;
};

/// An address of ours on a link, and the network that is there.
struct LinkAddress {
  int link = 0;
  IpAddress address;
  int prefix_length = 32;
  auto operator<=>(const LinkAddress&) const = default;
};

// Links are made down and bare, with an index that the caller chose: so what follows in the same
// batch can name them. A veth is the exception, as its indices are of two namespaces.

struct AddBridge {
  int index = 0;
  std::string name;
  auto operator<=>(const AddBridge&) const = default;
};
struct AddVxlan {
  int index = 0;
  std::string name;
  Vxlan vxlan;
  auto operator<=>(const AddVxlan&) const = default;
};
/// A pair of which one end is here and the other in the network namespace of process `peer_of`; 0
/// is this one.
struct AddVeth {
  std::string name;
  std::string peer_name;
  pid_t peer_of = 0;
  int mtu = 0;
  auto operator<=>(const AddVeth&) const = default;
};
/// What is unset stays as it is.
struct SetLink {
  int index = 0;
  std::optional<std::string> alias = {};
  std::optional<int> mtu = {};
  std::optional<int> master = {};
  std::optional<std::uint32_t> group = {};
  std::optional<bool> up = {};
  auto operator<=>(const SetLink&) const = default;
};
/// It is not to give itself an IPv6 address. A kernel without IPv6 agrees.
struct NoLinkLocal {
  int index = 0;
  auto operator<=>(const NoLinkLocal&) const = default;
};
struct RemoveLink {
  int index = 0;
  auto operator<=>(const RemoveLink&) const = default;
};
/// Removes all links of a group, in little more time than one takes: to remove a link is mostly to
/// wait until no processor looks at it any more.
struct RemoveGroup {
  std::uint32_t group = 0;
  auto operator<=>(const RemoveGroup&) const = default;
};
struct AddFdbEntry {
  FdbEntry entry;
  auto operator<=>(const AddFdbEntry&) const = default;
};
struct RemoveFdbEntry {
  FdbEntry entry;
  auto operator<=>(const RemoveFdbEntry&) const = default;
};
struct AddAddress {
  int link = 0;
  IpAddress address;
  int prefix_length = 32;
  /// False for one that is only to be reached: what is sent from here has another.
  bool source = true;
  auto operator<=>(const AddAddress&) const = default;
};
/// What comes in by the link is routed on, whatever the host does with others.
struct Forward {
  int link = 0;
  auto operator<=>(const Forward&) const = default;
};
/// With `via` also if that is not in a network of the link (onlink); without, all of `to` is there.
struct AddRoute {
  Netblock to;
  int link = 0;
  std::optional<IpAddress> via = {};
  auto operator<=>(const AddRoute&) const = default;
};
struct RemoveRoute {
  Netblock to;
  int link = 0;
  auto operator<=>(const RemoveRoute&) const = default;
};
/// The kernel answers ARP for `address` on `link`, though it is elsewhere.
struct AddProxyNeighbour {
  int link = 0;
  IpAddress address;
  auto operator<=>(const AddProxyNeighbour&) const = default;
};
struct RemoveProxyNeighbour {
  int link = 0;
  IpAddress address;
  auto operator<=>(const RemoveProxyNeighbour&) const = default;
};
/// The kernel asks all on `link` where `address` is, up to three times: they learn where we are.
struct AskForNeighbour {
  int link = 0;
  IpAddress address;
  auto operator<=>(const AskForNeighbour&) const = default;
};

using Change = std::variant<AddBridge, AddVxlan, AddVeth, SetLink, NoLinkLocal, RemoveLink,
                            RemoveGroup, AddFdbEntry, RemoveFdbEntry, AddAddress, Forward, AddRoute,
                            RemoveRoute, AddProxyNeighbour, RemoveProxyNeighbour, AskForNeighbour>;

}  // namespace sf::net
