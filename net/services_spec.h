// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/term_notice.h"
#include "node/base/id.h"
#include "node/base/netblock.h"
#include "node/base/result.h"
#include "templates/render.h"

// What the daemon and sf-services, which serves networks from within a container, tell each other:
// plain values and their texts. What is parsed here is checked whole; an Error names what is wrong.
namespace sf::net {

/// A guest with a fixed address.
struct DhcpHost {
  std::string mac;  ///< lower case
  IpAddress address;
  std::string name;  ///< a DNS label, or empty
  auto operator<=>(const DhcpHost&) const = default;
};

/// Traffic to `outside`, an address of the floating network, is for the guest at `inside`.
struct FloatingAddress {
  IpAddress outside;
  IpAddress inside;
  auto operator<=>(const FloatingAddress&) const = default;
};

/// What one network is to have.
struct WantedNetwork {
  NetworkId uuid;
  std::uint32_t vni = 0;
  Netblock netblock;
  IpAddress gateway;
  int mtu = 0;
  bool dhcp = false;
  std::vector<DhcpHost> hosts = {};
  bool dns = false;                         ///< the gateway knows the guests by name
  std::vector<IpAddress> dns_servers = {};  ///< for all other names
  std::string domain = {};
  std::optional<IpAddress> floating_gateway = {};  ///< guests leave by it; none without NAT
  std::vector<FloatingAddress> floating = {};
  std::vector<IpAddress> routed = {};  ///< from outside, for whoever in the mesh has them
  auto operator<=>(const WantedNetwork&) const = default;
};

/// How the floating network gets out of this host.
struct WantedEgress {
  std::string nic = {};  ///< empty: not at all
  Netblock floating = {};
  bool router = false;      ///< whether this host routes for others, too
  bool masquerade = false;  ///< whether it is to look as if it was this host
  auto operator<=>(const WantedEgress&) const = default;
};

/// All of it. A holder of the role with a lower term has been succeeded: it is not heeded.
struct WantedServices {
  std::string cluster_id;
  std::uint64_t term = 0;
  TermKey term_key = {};  ///< of notices of the term
  WantedEgress egress = {};
  std::vector<NetworkId> networks = {};
  auto operator<=>(const WantedServices&) const = default;
};

/// Nanoseconds of CLOCK_BOOTTIME, which also runs while a machine sleeps, and is the same inside a
/// container as outside.
using BootTime = std::chrono::nanoseconds;

/// How long networks are served without a word of the daemon.
inline constexpr std::chrono::seconds kOrphanLimit{4};

/// The daemon lives and holds the role: serve until then.
struct Heartbeat {
  std::uint64_t term = 0;
  BootTime deadline = {};
  auto operator<=>(const Heartbeat&) const = default;
};

/// What sf-services reports.
struct ServicesStatus {
  struct Network {
    BootTime since = {};
    int dnsmasq = 0;      ///< its pid in the container; 0: none runs
    int starts = 0;       ///< how often it was started
    int name_space = -1;  ///< the descriptor by which it holds the network's namespace
    auto operator<=>(const Network&) const = default;
  };
  std::uint64_t term = 0;
  bool serving = false;  ///< false: the daemon has not spoken in time
  std::map<NetworkId, Network> networks = {};
  std::map<NetworkId, std::string> errors = {};
  auto operator<=>(const ServicesStatus&) const = default;
};

std::string ToJson(const WantedNetwork& network);
std::string ToJson(const WantedServices& services);
std::string ToJson(const Heartbeat& heartbeat);
std::string ToJson(const ServicesStatus& status);

Result<WantedNetwork> ParseWantedNetwork(std::string_view text);
Result<WantedServices> ParseWantedServices(std::string_view text);
/// One that is further ahead of `now` than kOrphanLimit is not of this boot, and kInvalid.
Result<Heartbeat> ParseHeartbeat(std::string_view text, BootTime now);
Result<ServicesStatus> ParseServicesStatus(std::string_view text);

/// The configuration of the dnsmasq of `network`, which finds its guests in `hosts_file` and their
/// names in `names_file`.
Result<std::string> DnsmasqConf(const WantedNetwork& network, const std::string& hosts_file,
                                const std::string& names_file, const Templates& templates);
/// Fails when the operator's own dnsmasq.conf cannot be filled.
Result<void> CheckDnsmasqTemplate(const Templates& templates);
/// A line "mac,address,name" for each guest.
std::string DnsmasqHosts(const WantedNetwork& network);
/// A line "address name" for each guest that has a name, as in /etc/hosts.
std::string DnsmasqNames(const WantedNetwork& network);

}  // namespace sf::net
