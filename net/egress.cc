// SPDX-License-Identifier: Apache-2.0
#include "net/egress.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <netinet/if_ether.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <regex>
#include <sstream>
#include <system_error>
#include <vector>

namespace sf::net {
namespace {

using namespace std::chrono_literals;

constexpr BootTime kPeriod = 1s;
constexpr int kAnnouncements = 3;  // An Ethernet may lose one.
// The chain that Docker has for the rules of others. Docker sets the policy of what is forwarded to
// "drop", which no rule elsewhere can take back.
constexpr char kForeignChain[] = "ip filter DOCKER-USER";
constexpr std::size_t kClusterIdLetters = 8;

std::string Comment(const std::string& cluster_id) {
  return fmt::format("shakenfist {:.{}}", cluster_id, kClusterIdLetters);
}

/// The handles of our rules in what nft lists of a chain.
std::vector<std::string> HandlesOfOurs(const std::string& chain, const std::string& cluster_id) {
  constexpr std::string_view kHandle = "# handle ";
  std::vector<std::string> handles;
  std::istringstream lines(chain);
  for (std::string line; std::getline(lines, line);) {
    const auto handle = line.rfind(kHandle);
    if (line.find('"' + Comment(cluster_id) + '"') == line.npos || handle == line.npos) continue;
    handles.push_back(line.substr(handle + kHandle.size()));
  }
  return handles;
}

/// Two rules with which ways out are let through, where Docker is at home; elsewhere nothing.
Result<void> KeepForeignRules(const std::string& cluster_id, bool wanted) {
  Nftables nftables = TRY(Nftables::Open());
  const auto chain = nftables.Run(fmt::format("list chain {}", kForeignChain));
  if (!chain) return {};
  const auto ours = HandlesOfOurs(*chain, cluster_id);
  if (wanted && ours.size() == 2) return {};
  std::string commands;
  for (const std::string& handle : ours) {
    commands += fmt::format("delete rule {} handle {}\n", kForeignChain, handle);
  }
  for (const char* direction : {"iifname", "oifname"}) {
    if (!wanted) break;
    // Only words that iptables knows as well, whose chain it is.
    commands += fmt::format("insert rule {} {} \"{}*\" counter accept comment \"{}\"\n",
                            kForeignChain, direction, kWayOut, Comment(cluster_id));
  }
  if (!commands.empty()) TRY(nftables.Run(commands));
  return {};
}

/// Whether those in the network of `own` find the addresses of `floating` beside them.
bool IsInside(const Netblock& floating, const LinkAddress& own) {
  const std::uint64_t mask = ~std::uint64_t{0} << (32 - own.prefix_length);
  return own.prefix_length <= floating.prefix_length() &&
         ((own.address.value ^ floating.network().value) & mask) == 0;
}

/// "Who has `address`? Tell `address`": all who know it learn that it is at `mac` now (RFC 5227).
ether_arp Announcement(const Mac& mac, IpAddress address) {
  ether_arp arp = {};
  arp.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
                .ar_pro = htons(ETH_P_IP),
                .ar_hln = ETH_ALEN,
                .ar_pln = sizeof(in_addr_t),
                .ar_op = htons(ARPOP_REQUEST)};
  const in_addr_t network_order = htonl(address.value);
  std::memcpy(arp.arp_sha, mac.data(), mac.size());
  std::memcpy(arp.arp_spa, &network_order, sizeof(network_order));
  std::memcpy(arp.arp_tpa, &network_order, sizeof(network_order));
  return arp;
}

}  // namespace

Result<WantedEgress> DescribeEgress(Netlink& netlink, const std::string& nic,
                                    const Netblock& floating) {
  WantedEgress egress{.nic = nic, .floating = floating, .masquerade = true};
  char forwards = '0';
  std::ifstream("/proc/sys/net/ipv4/ip_forward") >> forwards;
  egress.router = forwards == '1';
  if (nic.empty()) return egress;
  const int link = TRY(netlink.FindLink(nic)).index;
  for (const LinkAddress& own : TRY(netlink.Addresses())) {
    if (own.link == link && IsInside(floating, own)) egress.masquerade = false;
  }
  return egress;
}

Result<void> LetsWaysOutThrough() {
  Nftables nftables = TRY(Nftables::Open());
  const std::string rules = TRY(nftables.Run("list ruleset"));
  const bool drops =
      std::regex_search(rules, std::regex("type filter hook forward [^\n]*policy drop"));
  if (!drops || nftables.Run(fmt::format("list chain {}", kForeignChain))) return {};
  return Fail(Code::kConflict, "this host's packet filter drops what it forwards");
}

Result<void> Egress::Keep(const EgressWish& wish, BootTime now) {
  const bool same = kept_ == wish;
  if (same && now < next_look_) return last_;
  next_look_ = now + kPeriod;
  return last_ = Look(wish, same);
}

Result<void> Egress::Look(const EgressWish& wish, bool same) {
  if (wish.addresses.empty()) {
    if (!same) TRY(Clear(wish.cluster_id, wish.egress));
    kept_ = wish;
    return {};
  }
  if (!kept_ || kept_->addresses != wish.addresses) announcements_left_ = kAnnouncements;
  TRY(KeepRules(wish));
  kept_ = wish;
  if (wish.egress.nic.empty()) {
    return Fail(Code::kNotReady, "there is no way out: this node has no NODE_EGRESS_NIC");
  }
  return KeepAnswers(wish.egress, wish.addresses);
}

Result<void> Egress::Clear(const std::string& cluster_id, const WantedEgress& egress) {
  rules_.reset();
  kept_.reset();
  TRY(KeepForeignRules(cluster_id, false));
  return egress.nic.empty() ? Result<void>() : KeepAnswers(egress, {});
}

Result<void> Egress::KeepRules(const EgressWish& wish) {
  if (!rules_ || !kept_ || kept_->rules != wish.rules) {
    // The old rules go first: there may be no two tables of one name.
    rules_.reset();
    Nftables nftables = TRY(Nftables::Open());
    TRY(nftables.Run(wish.rules));
    rules_ = std::move(nftables);
  }
  return KeepForeignRules(wish.cluster_id, true);
}

Result<void> Egress::KeepAnswers(const WantedEgress& egress, const std::set<IpAddress>& addresses) {
  const Link nic = TRY(netlink_.FindLink(egress.nic));
  std::vector<Change> changes;
  std::set<IpAddress> missing = addresses;
  for (const AddProxyNeighbour& proxy : TRY(netlink_.ProxyNeighbours())) {
    if (proxy.link != nic.index || !egress.floating.Contains(proxy.address)) continue;
    if (missing.erase(proxy.address) == 0) {
      changes.emplace_back(RemoveProxyNeighbour{nic.index, proxy.address});
    }
  }
  for (const IpAddress address : missing) {
    changes.emplace_back(AddProxyNeighbour{nic.index, address});
  }
  if (!addresses.empty()) changes.emplace_back(Forward{nic.index});
  TRY(netlink_.Do(changes));
  if (addresses.empty() || announcements_left_ == 0) return {};
  --announcements_left_;
  return Announce(nic, addresses);
}

// The socket is kept: to close one takes 40 ms.
Result<void> Egress::Announce(const Link& nic, const std::set<IpAddress>& addresses) {
  if (announcer_.get() < 0) {
    announcer_ = FileDescriptor(::socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  }
  sockaddr_ll to = {};
  to.sll_family = AF_PACKET;
  to.sll_protocol = htons(ETH_P_ARP);
  to.sll_ifindex = nic.index;
  to.sll_halen = ETH_ALEN;
  std::fill_n(to.sll_addr, ETH_ALEN, 0xff);
  for (const IpAddress address : addresses) {
    const ether_arp arp = Announcement(nic.mac, address);
    if (::sendto(announcer_.get(), &arp, sizeof(arp), 0, reinterpret_cast<const sockaddr*>(&to),
                 sizeof(to)) < 0) {
      return Fail(Code::kInternal, "cannot announce {} on {}: {}", ToString(address), nic.name,
                  std::generic_category().message(errno));
    }
  }
  return {};
}

}  // namespace sf::net
