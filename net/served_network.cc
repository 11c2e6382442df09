// SPDX-License-Identifier: Apache-2.0
#include "net/served_network.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <set>
#include <sstream>
#include <system_error>

#include "net/egress.h"
#include "net/mesh.h"
#include "net/network_namespace.h"
#include "net/nftables.h"
#include "node/base/log.h"

namespace sf::net {
namespace {

constexpr char kInside[] = "eth0";
constexpr char kOutside[] = "out0";
const Netblock kEverything = Netblock::Parse("0.0.0.0/0").value();
constexpr int kLoopback = 1;
constexpr BootTime kFirstPause = std::chrono::milliseconds(100);
constexpr BootTime kLongestPause = std::chrono::seconds(5);
constexpr BootTime kLivedWell = std::chrono::seconds(10);
std::string LegName(std::uint32_t vni) { return fmt::format("sf-leg-{:06x}", vni); }

std::string Reason() { return std::generic_category().message(errno); }

std::string Alias(const std::string& cluster_id, const NetworkId& network) {
  return fmt::format("shakenfist {} {}", cluster_id, network);
}

/// The bridge, if it is this network's and not one of the same name.
Result<int> FindBridge(const std::map<std::string, Link>& links, const std::string& alias,
                       std::uint32_t vni) {
  const auto found = links.find(BridgeName(vni));
  if (found == links.end()) {
    return Fail(Code::kNotReady, "the bridge {} is not there", BridgeName(vni));
  }
  if (found->second.alias != alias) {
    return Fail(Code::kConflict, "the bridge {} is not ours: its alias is '{}'", BridgeName(vni),
                found->second.alias);
  }
  return found->second.index;
}

/// Somebody to ask for who is not the gateway: whoever hears its question learns where it is.
IpAddress Anybody(const WantedNetwork& network) {
  const auto second = network.netblock.At(std::min<std::uint64_t>(2, network.netblock.size() - 1));
  return second == network.gateway ? network.netblock.network() : second;
}

std::string WayOutName(std::uint32_t vni) { return fmt::format("{}{:06x}", kWayOut, vni); }

/// Makes a pair between the namespace where the process is now and the host. The host's end.
Result<Link> AddPair(Netlink& host, const std::string& outer, const char* inner, int mtu) {
  TRY(host.Do(AddVeth{.name = outer, .peer_name = inner, .peer_of = ::getpid(), .mtu = mtu}));
  return host.FindLink(outer);
}

/// Joins the namespace to the host, for what is neither of the network nor for the gateway itself.
Result<int> OpenWayOut(Netlink& host, Netlink& inside, const WantedNetwork& wanted,
                       const std::string& alias) {
  const IpAddress self = *wanted.floating_gateway;
  const int outer = TRY(AddPair(host, WayOutName(wanted.vni), kOutside, wanted.mtu)).index;
  const int inner = TRY(inside.FindLink(kOutside)).index;
  const Change there[] = {SetLink{.index = outer, .alias = alias},
                          NoLinkLocal{outer},
                          AddAddress{.link = outer, .address = kHostEnd, .source = false},
                          Forward{outer},
                          SetLink{.index = outer, .up = true},
                          AddRoute{.to = Netblock::Of(self), .link = outer}};
  const Change here[] = {NoLinkLocal{inner},
                         AddAddress{.link = inner, .address = self},
                         Forward{inner},
                         Forward{TRY(inside.FindLink(kInside)).index},
                         SetLink{.index = inner, .up = true},
                         AddRoute{.to = kEverything, .link = inner, .via = kHostEnd}};
  Result<void> joined = host.Do(there);
  if (joined) joined = inside.Do(here);
  if (joined) return outer;
  (void)host.Do(RemoveLink{outer});
  return tl::unexpected(std::move(joined).error());
}

/// Runs in the child between fork and exec.
[[noreturn]] void BecomeDnsmasq(const FileDescriptor& name_space, const std::string& program,
                                const std::string& conf_option) {
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::setns(name_space.get(), CLONE_NEWNET) == 0) {
    ::execl(program.c_str(), program.c_str(), "--keep-in-foreground", conf_option.c_str(),
            static_cast<char*>(nullptr));
  }
  ::_exit(127);
}

/// Whether every line of `before` is still in `after`.
bool OnlyAdded(const std::string& before, const std::string& after) {
  std::set<std::string> lines;
  std::istringstream now(after);
  for (std::string line; std::getline(now, line);) lines.insert(line);
  std::istringstream old(before);
  for (std::string line; std::getline(old, line);) {
    if (!lines.contains(line)) return false;
  }
  return true;
}

}  // namespace

Result<FileDescriptor> OpenServed(pid_t process, int descriptor, const std::string& cluster_id,
                                  const NetworkId& network) {
  const std::string path = fmt::format("/proc/{}/fd/{}", process, descriptor);
  FileDescriptor opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const FileDescriptor here = TRY(OpenOwnNamespace());
  Home home(here);
  const auto fail = [&] {
    return Fail(Code::kNotReady, "network {} is not served at this moment", network);
  };
  if (opened.get() < 0 || !home.Enter(opened)) return fail();
  // Meanwhile the number may stand for another one.
  const auto leg = TRY(Netlink::Open()).FindLink(kInside);
  if (!leg || leg->alias != Alias(cluster_id, network)) return fail();
  return opened;
}

Result<ServedNetwork> ServedNetwork::Start(const Host& host,
                                           const std::map<std::string, Link>& links,
                                           const ServicesFolder::Network& network, BootTime now) {
  const WantedNetwork& wanted = network.wanted;
  const std::string alias = Alias(host.cluster_id, wanted.uuid);
  const int bridge = TRY(FindBridge(links, alias, wanted.vni));
  Home home(host.name_space);
  TRY(home.EnterNew());

  // The far end is born where this process is now; the socket still speaks to the host.
  const int leg = TRY(AddPair(host.netlink, LegName(wanted.vni), kInside, wanted.mtu)).index;
  const Change outer[] = {SetLink{.index = leg, .alias = alias, .master = bridge}, NoLinkLocal{leg},
                          SetLink{.index = leg, .up = true}};
  Netlink netlink = TRY(Netlink::Open());
  const int eth0 = TRY(netlink.FindLink(kInside)).index;
  const Change inner[] = {
      SetLink{.index = kLoopback, .up = true}, SetLink{.index = eth0, .alias = alias},
      NoLinkLocal{eth0}, AddAddress{eth0, wanted.gateway, wanted.netblock.prefix_length()},
      SetLink{.index = eth0, .up = true},
      // Guests and bridges may know the gateway at another node. The question goes out three times
      // in as many seconds if nobody answers: just what it takes while the port of the bridge is
      // coming up. A raw socket could tell them, too, but to close one takes 40 ms.
      AskForNeighbour{eth0, Anybody(wanted)}};
  Result<void> joined = host.netlink.Do(outer);
  if (joined) joined = netlink.Do(inner);
  Result<int> way_out = 0;
  if (joined && wanted.floating_gateway) {
    way_out = OpenWayOut(host.netlink, netlink, wanted, alias);
    if (!way_out) joined = tl::unexpected(way_out.error());
  }
  if (!joined) {
    // The leg goes with the namespace, but later: who tries again at once would find it there.
    (void)host.netlink.Do(RemoveLink{leg});
    return tl::unexpected(std::move(joined).error());
  }
  return ServedNetwork(network, TRY(OpenOwnNamespace()), bridge, *way_out, now);
}

bool ServedNetwork::CanChange(const WantedNetwork& network) const {
  const WantedNetwork& is = network_.wanted;
  return is.vni == network.vni && is.netblock == network.netblock &&
         is.gateway == network.gateway && is.mtu == network.mtu &&
         is.floating_gateway == network.floating_gateway;
}

void ServedNetwork::Update(const ServicesFolder::Network& network) {
  const bool only_added = network_.conf == network.conf &&
                          OnlyAdded(network_.hosts, network.hosts) &&
                          OnlyAdded(network_.names, network.names);
  const bool same = network_.conf == network.conf && network_.hosts == network.hosts &&
                    network_.names == network.names;
  network_ = network;
  if (dnsmasq_ != 0 && !same) ::kill(dnsmasq_, only_added ? SIGHUP : SIGKILL);
}

std::set<IpAddress> ServedNetwork::outside() const {
  std::set<IpAddress> addresses = leading_here_;
  if (way_out_ != 0) addresses.insert(*wanted().floating_gateway);
  return addresses;
}

Result<void> ServedNetwork::Keep(const Host& host, BootTime now) {
  // Guests are to have their addresses whatever becomes of their way out.
  const auto open = KeepGateway(host);
  TRY(KeepDnsmasq(host, now));
  return open;
}

/// An address that leads here no longer ends first, and one that is new comes last.
Result<void> ServedNetwork::KeepGateway(const Host& host) {
  if (way_out_ == 0 || rules_ == network_.rules) return {};
  std::set<IpAddress> leading_here(wanted().routed.begin(), wanted().routed.end());
  for (const FloatingAddress& pair : wanted().floating) leading_here.insert(pair.outside);
  std::vector<Change> gone, added;
  for (const IpAddress address : leading_here_) {
    if (!leading_here.contains(address))
      gone.emplace_back(RemoveRoute{Netblock::Of(address), way_out_});
  }
  for (const IpAddress address : leading_here) {
    added.emplace_back(AddRoute{Netblock::Of(address), way_out_, wanted().floating_gateway});
  }
  TRY(host.netlink.Do(gone));
  {
    Home home(host.name_space);
    TRY(home.Enter(name_space_));
    // Only where there is something to replace: for what was removed, the kernel waits 20 ms.
    TRY(RouteIntoMesh());
    TRY(TRY(Nftables::Open()).Run((rules_.empty() ? "" : "flush ruleset\n") + network_.rules));
  }
  TRY(host.netlink.Do(added));
  leading_here_ = std::move(leading_here);
  rules_ = network_.rules;
  return {};
}

/// From within the namespace: what is routed is asked for among the guests, as if it was of their
/// network.
Result<void> ServedNetwork::RouteIntoMesh() {
  const std::set<IpAddress> routed(wanted().routed.begin(), wanted().routed.end());
  if (routed == routed_) return {};
  Netlink inside = TRY(Netlink::Open());
  const int eth0 = TRY(inside.FindLink(kInside)).index;
  std::vector<Change> changes;
  for (const IpAddress address : routed_) {
    if (!routed.contains(address)) changes.emplace_back(RemoveRoute{Netblock::Of(address), eth0});
  }
  for (const IpAddress address : routed) {
    changes.emplace_back(AddRoute{.to = Netblock::Of(address), .link = eth0});
  }
  TRY(inside.Do(changes));
  routed_ = routed;
  return {};
}

Result<void> ServedNetwork::KeepDnsmasq(const Host& host, BootTime now) {
  const bool wants = wanted().dhcp || wanted().dns;
  if (!wants) KillDnsmasq();
  if (!wants || dnsmasq_ != 0 || now < not_before_) return {};
  const std::string conf =
      fmt::format("--conf-file={}", host.folder.ConfFile(wanted().uuid).string());
  const pid_t child = ::fork();
  if (child == 0) BecomeDnsmasq(name_space_, host.dnsmasq, conf);
  if (child < 0) return Fail(Code::kInternal, "cannot start dnsmasq: {}", Reason());
  dnsmasq_ = child;
  started_ = now;
  ++starts_;
  return {};
}

bool ServedNetwork::Died(pid_t pid, BootTime now) {
  if (pid != dnsmasq_) return false;
  dnsmasq_ = 0;
  // One that lived well starts again at once; one that cannot live is not tried all the time.
  if (now - started_ > kLivedWell) pause_ = {};
  not_before_ = now + pause_;
  pause_ = std::clamp(pause_ * 2, kFirstPause, kLongestPause);
  return true;
}

void ServedNetwork::KillDnsmasq() {
  if (dnsmasq_ != 0) ::kill(dnsmasq_, SIGKILL);
}

}  // namespace sf::net
