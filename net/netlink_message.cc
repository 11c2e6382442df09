// SPDX-License-Identifier: Apache-2.0
#include "net/netlink_message.h"

#include <arpa/inet.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <cerrno>

#include "node/base/check.h"

namespace sf::net {
namespace {

constexpr std::size_t kMessageSize = 512;  // The longest, with an alias of 256 bytes, fits in.

/// A request that is being written.
class Message {
 public:
  template <class Header>
  Message(int type, int flags, const Header& header) : message_(nlmsg_alloc_size(kMessageSize)) {
    SF_CHECK(message_ != nullptr);
    nlmsg_put(message_.get(), NL_AUTO_PORT, 0, type, 0, NLM_F_REQUEST | flags);
    SF_CHECK(nlmsg_append(message_.get(), const_cast<Header*>(&header), sizeof(header),
                          NLMSG_ALIGNTO) == 0);
  }

  Message& Put(int type, const void* bytes, std::size_t size) {
    SF_CHECK(nla_put(message_.get(), type, static_cast<int>(size), bytes) == 0);
    return *this;
  }
  template <class T>
  Message& Integer(int type, T value) {
    return Put(type, &value, sizeof(value));
  }
  Message& Text(int type, const std::string& text) {
    return Put(type, text.c_str(), text.size() + 1);
  }
  Message& Address(int type, IpAddress address) { return Integer(type, htonl(address.value)); }
  /// What `body` puts is inside an attribute of `type`.
  template <class Body>
  Message& Nest(int type, Body body) {
    nlattr* const start = nla_nest_start(message_.get(), type);
    SF_CHECK(start != nullptr);
    body();
    nla_nest_end(message_.get(), start);
    return *this;
  }
  template <class Header>
  Message& Append(const Header& header) {
    SF_CHECK(nlmsg_append(message_.get(), const_cast<Header*>(&header), sizeof(header),
                          NLMSG_ALIGNTO) == 0);
    return *this;
  }

  MessageHandle Take() && { return std::move(message_); }

 private:
  MessageHandle message_;
};

constexpr int kNew = NLM_F_CREATE | NLM_F_EXCL;
constexpr int kSame = NLM_F_CREATE | NLM_F_REPLACE;

ifinfomsg OfLink(int index) {
  ifinfomsg header = {};
  header.ifi_family = AF_UNSPEC;
  header.ifi_index = index;
  return header;
}

ndmsg OfEntry(const FdbEntry& entry) {
  ndmsg header = {};
  header.ndm_family = PF_BRIDGE;
  header.ndm_ifindex = entry.link;
  header.ndm_flags = NTF_SELF;  // The device's own table, not that of the bridge it is in.
  header.ndm_state = NUD_NOARP | NUD_PERMANENT;
  return header;
}

ndmsg OfProxy(int link) {
  ndmsg header = {};
  header.ndm_family = AF_INET;
  header.ndm_ifindex = link;
  header.ndm_flags = NTF_PROXY;
  header.ndm_state = NUD_PERMANENT;
  return header;
}

// Ports forward as soon as they are there, and multicast goes to all of them as broadcast does.
Message Write(const AddBridge& add) {
  Message message(RTM_NEWLINK, kNew, OfLink(add.index));
  message.Text(IFLA_IFNAME, add.name).Nest(IFLA_LINKINFO, [&] {
    message.Text(IFLA_INFO_KIND, "bridge").Nest(IFLA_INFO_DATA, [&] {
      message.Integer<std::uint32_t>(IFLA_BR_STP_STATE, 0)
          .Integer<std::uint32_t>(IFLA_BR_FORWARD_DELAY, 0)
          .Integer<std::uint8_t>(IFLA_BR_MCAST_SNOOPING, 0);
    });
  });
  return message;
}

Message Write(const AddVxlan& add) {
  Message message(RTM_NEWLINK, kNew, OfLink(add.index));
  message.Text(IFLA_IFNAME, add.name).Nest(IFLA_LINKINFO, [&] {
    message.Text(IFLA_INFO_KIND, "vxlan").Nest(IFLA_INFO_DATA, [&] {
      message.Integer(IFLA_VXLAN_ID, add.vxlan.vni)
          .Address(IFLA_VXLAN_LOCAL, add.vxlan.local)
          .Integer(IFLA_VXLAN_LINK, static_cast<std::uint32_t>(add.vxlan.nic))
          .Integer(IFLA_VXLAN_PORT, htons(add.vxlan.port))
          .Integer<std::uint8_t>(IFLA_VXLAN_LEARNING, 1);
    });
  });
  return message;
}

Message Write(const AddVeth& add) {
  Message message(RTM_NEWLINK, kNew, OfLink(0));
  const auto mtu = static_cast<std::uint32_t>(add.mtu);
  message.Text(IFLA_IFNAME, add.name).Integer(IFLA_MTU, mtu).Nest(IFLA_LINKINFO, [&] {
    message.Text(IFLA_INFO_KIND, "veth").Nest(IFLA_INFO_DATA, [&] {
      message.Nest(VETH_INFO_PEER, [&] {
        message.Append(OfLink(0)).Text(IFLA_IFNAME, add.peer_name).Integer(IFLA_MTU, mtu);
        if (add.peer_of != 0) message.Integer<std::uint32_t>(IFLA_NET_NS_PID, add.peer_of);
      });
    });
  });
  return message;
}

Message Write(const SetLink& set) {
  ifinfomsg header = OfLink(set.index);
  if (set.up) {
    header.ifi_change = IFF_UP;
    header.ifi_flags = *set.up ? IFF_UP : 0;
  }
  Message message(RTM_SETLINK, 0, header);
  if (set.alias) message.Put(IFLA_IFALIAS, set.alias->data(), set.alias->size());
  if (set.mtu) message.Integer(IFLA_MTU, static_cast<std::uint32_t>(*set.mtu));
  if (set.group) message.Integer(IFLA_GROUP, *set.group);
  if (set.master) message.Integer(IFLA_MASTER, static_cast<std::uint32_t>(*set.master));
  return message;
}

Message Write(const NoLinkLocal& change) {
  Message message(RTM_SETLINK, 0, OfLink(change.index));
  message.Nest(IFLA_AF_SPEC, [&] {
    message.Nest(AF_INET6, [&] {
      message.Integer<std::uint8_t>(IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    });
  });
  return message;
}

Message Write(const RemoveLink& remove) { return {RTM_DELLINK, 0, OfLink(remove.index)}; }

Message Write(const RemoveGroup& remove) {
  Message message(RTM_DELLINK, 0, OfLink(0));
  message.Integer(IFLA_GROUP, remove.group);
  return message;
}

Message WriteEntry(int type, int flags, const FdbEntry& entry) {
  Message message(type, flags, OfEntry(entry));
  message.Put(NDA_LLADDR, entry.mac.data(), entry.mac.size()).Address(NDA_DST, entry.vtep);
  return message;
}

// Appended, because an entry has as many receivers as there are nodes.
Message Write(const AddFdbEntry& add) {
  return WriteEntry(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_APPEND, add.entry);
}

Message Write(const RemoveFdbEntry& remove) { return WriteEntry(RTM_DELNEIGH, 0, remove.entry); }

Message Write(const AddAddress& add) {
  ifaddrmsg header = {};
  header.ifa_family = AF_INET;
  header.ifa_prefixlen = static_cast<std::uint8_t>(add.prefix_length);
  header.ifa_scope = add.source ? RT_SCOPE_UNIVERSE : RT_SCOPE_HOST;
  header.ifa_index = static_cast<std::uint32_t>(add.link);
  Message message(RTM_NEWADDR, kSame, header);
  message.Address(IFA_LOCAL, add.address).Address(IFA_ADDRESS, add.address);
  return message;
}

Message Write(const Forward& change) {
  Message message(RTM_SETLINK, 0, OfLink(change.link));
  message.Nest(IFLA_AF_SPEC, [&] {
    message.Nest(AF_INET, [&] {
      message.Nest(IFLA_INET_CONF,
                   [&] { message.Integer<std::uint32_t>(IPV4_DEVCONF_FORWARDING, 1); });
    });
  });
  return message;
}

rtmsg OfRoute(const Netblock& to) {
  rtmsg header = {};
  header.rtm_family = AF_INET;
  header.rtm_dst_len = static_cast<std::uint8_t>(to.prefix_length());
  header.rtm_table = RT_TABLE_MAIN;
  header.rtm_protocol = RTPROT_STATIC;
  header.rtm_type = RTN_UNICAST;
  return header;
}

Message Write(const AddRoute& add) {
  rtmsg header = OfRoute(add.to);
  header.rtm_scope = add.via ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
  header.rtm_flags = add.via ? RTNH_F_ONLINK : 0;
  Message message(RTM_NEWROUTE, kSame, header);
  message.Address(RTA_DST, add.to.network()).Integer(RTA_OIF, add.link);
  if (add.via) message.Address(RTA_GATEWAY, *add.via);
  return message;
}

Message Write(const RemoveRoute& remove) {
  rtmsg header = OfRoute(remove.to);
  header.rtm_scope = RT_SCOPE_NOWHERE;  // any
  Message message(RTM_DELROUTE, 0, header);
  message.Address(RTA_DST, remove.to.network()).Integer(RTA_OIF, remove.link);
  return message;
}

Message Write(const AskForNeighbour& ask) {
  ndmsg header = {};
  header.ndm_family = AF_INET;
  header.ndm_ifindex = ask.link;
  header.ndm_flags = NTF_USE;
  Message message(RTM_NEWNEIGH, NLM_F_CREATE, header);
  message.Address(NDA_DST, ask.address);
  return message;
}

Message Write(const AddProxyNeighbour& add) {
  Message message(RTM_NEWNEIGH, kSame, OfProxy(add.link));
  message.Address(NDA_DST, add.address);
  return message;
}

Message Write(const RemoveProxyNeighbour& remove) {
  Message message(RTM_DELNEIGH, 0, OfProxy(remove.link));
  message.Address(NDA_DST, remove.address);
  return message;
}

// Without the counters of each link, which are most of what it would say.
Message Write(const AllLinks&) {
  Message message(RTM_GETLINK, NLM_F_DUMP, OfLink(0));
  message.Integer<std::uint32_t>(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return message;
}

Message Write(const LinkNamed& question) {
  Message message(RTM_GETLINK, NLM_F_ACK, OfLink(0));
  message.Text(IFLA_IFNAME, question.name)
      .Integer<std::uint32_t>(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
  return message;
}

Message Write(const AllFdbEntries&) {
  ndmsg header = {};
  header.ndm_family = PF_BRIDGE;
  return {RTM_GETNEIGH, NLM_F_DUMP, header};
}

Message Write(const AllAddresses&) {
  ifaddrmsg header = {};
  header.ifa_family = AF_INET;
  return {RTM_GETADDR, NLM_F_DUMP, header};
}

Message Write(const AllProxyNeighbours&) { return {RTM_GETNEIGH, NLM_F_DUMP, OfProxy(0)}; }

}  // namespace

void FreeMessage::operator()(nl_msg* message) const { nlmsg_free(message); }

MessageHandle ToMessage(const Question& question) {
  return std::visit([](const auto& one) { return Write(one).Take(); }, question);
}

MessageHandle ToMessage(const Change& change) {
  return std::visit([](const auto& one) { return Write(one).Take(); }, change);
}

bool IsDone(const Change& change, int error) {
  switch (error) {
    case 0: return true;
    case ENOENT:
    case ENODEV:
    case ESRCH:
    case EADDRNOTAVAIL:
      return std::holds_alternative<RemoveLink>(change) ||
             std::holds_alternative<RemoveGroup>(change) ||
             std::holds_alternative<RemoveFdbEntry>(change) ||
             std::holds_alternative<RemoveRoute>(change) ||
             std::holds_alternative<RemoveProxyNeighbour>(change);
    case EEXIST: return std::holds_alternative<AddFdbEntry>(change);
    case EAFNOSUPPORT: return std::holds_alternative<NoLinkLocal>(change);
    default: return false;
  }
}

std::string Describe(const Change& change) {
  struct {
    std::string operator()(const AddBridge& c) { return "add bridge " + c.name; }
    std::string operator()(const AddVxlan& c) { return "add VXLAN device " + c.name; }
    std::string operator()(const AddVeth& c) { return "add veth pair " + c.name; }
    std::string operator()(const SetLink& c) { return fmt::format("change link {}", c.index); }
    std::string operator()(const NoLinkLocal& c) {
      return fmt::format("switch off IPv6 addresses of link {}", c.index);
    }
    std::string operator()(const RemoveLink& c) { return fmt::format("remove link {}", c.index); }
    std::string operator()(const RemoveGroup& c) {
      return fmt::format("remove the links of group {}", c.group);
    }
    std::string operator()(const AddFdbEntry& c) {
      return "add entry for " + ToString(c.entry.vtep);
    }
    std::string operator()(const RemoveFdbEntry& c) {
      return "remove entry for " + ToString(c.entry.vtep);
    }
    std::string operator()(const AddAddress& c) { return "add address " + ToString(c.address); }
    std::string operator()(const Forward& c) { return fmt::format("route from link {}", c.link); }
    std::string operator()(const AddRoute& c) { return "add route to " + ToString(c.to); }
    std::string operator()(const RemoveRoute& c) { return "remove route to " + ToString(c.to); }
    std::string operator()(const AskForNeighbour& c) { return "ask for " + ToString(c.address); }
    std::string operator()(const AddProxyNeighbour& c) {
      return "answer for " + ToString(c.address);
    }
    std::string operator()(const RemoveProxyNeighbour& c) {
      return "no longer answer for " + ToString(c.address);
    }
  } describe;
  return std::visit(describe, change);
}

std::string Describe(const Question& question) {
  struct {
    std::string operator()(const AllLinks&) { return "list links"; }
    std::string operator()(const LinkNamed& q) { return "find link " + q.name; }
    std::string operator()(const AllFdbEntries&) { return "list forwarding entries"; }
    std::string operator()(const AllAddresses&) { return "list addresses"; }
    std::string operator()(const AllProxyNeighbours&) { return "list proxy neighbours"; }
  } describe;
  return std::visit(describe, question);
}

}  // namespace sf::net
