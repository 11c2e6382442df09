// SPDX-License-Identifier: Apache-2.0
#include "node/host_facts.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <memory>
#include <sstream>
#include <thread>

namespace sf {
namespace {

using InterfaceAddresses = std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)>;

/// None if they cannot be read.
InterfaceAddresses ReadInterfaceAddresses() {
  ifaddrs* first = nullptr;
  if (::getifaddrs(&first) != 0) first = nullptr;
  return {first, &::freeifaddrs};
}

std::string ToText(const sockaddr_in& address) {
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
  return text.data();
}

std::string ToText(const sockaddr_in6& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, &address.sin6_addr, text.data(), text.size());
  return text.data();
}

std::map<std::string, std::string> ReadNics() {
  const InterfaceAddresses addresses = ReadInterfaceAddresses();
  std::map<std::string, std::string> nics;
  for (const ifaddrs* entry = addresses.get(); entry != nullptr; entry = entry->ifa_next) {
    const bool loopback = (entry->ifa_flags & IFF_LOOPBACK) != 0;
    if (loopback || entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET) continue;
    nics[ToText(*reinterpret_cast<const sockaddr_in*>(entry->ifa_addr))] = entry->ifa_name;
  }
  return nics;
}

/// Asks the kernel which of our addresses it would use towards the world. To connect a UDP socket
/// only looks up the route; nothing is sent.
std::string DefaultRouteSource() {
  const int probe = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9);
  ::inet_pton(AF_INET, "198.51.100.1", &address.sin_addr);  // For documentation: nobody's.
  socklen_t size = sizeof address;
  const bool routed =
      ::connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
      ::getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  if (probe >= 0) ::close(probe);
  return routed ? ToText(address) : "";
}

/// A name server on this host, as a caching stub is, answers no guest.
std::string ReadDnsServer() {
  std::ifstream file("/etc/resolv.conf");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string keyword, address;
    in_addr parsed;
    if (words >> keyword >> address && keyword == "nameserver" && !address.starts_with("127.") &&
        ::inet_pton(AF_INET, address.c_str(), &parsed) == 1) {
      return address;
    }
  }
  return "";
}

}  // namespace

HostFacts ReadHostFacts() {
  HostFacts facts;
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) == 0) facts.name = name.data();
  facts.nic_by_address = ReadNics();
  facts.address = DefaultRouteSource();
  if (const auto nic = facts.nic_by_address.find(facts.address);
      nic != facts.nic_by_address.end()) {
    facts.egress_nic = nic->second;
  }
  if (facts.address.empty() && facts.nic_by_address.size() == 1) {
    facts.address = facts.nic_by_address.begin()->first;
  }
  facts.dns_server = ReadDnsServer();
  facts.cores = std::max(1U, std::thread::hardware_concurrency());
  return facts;
}

std::set<std::string> ReadOwnAddresses() {
  const InterfaceAddresses all = ReadInterfaceAddresses();
  std::set<std::string> own;
  for (const ifaddrs* entry = all.get(); entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr) continue;
    if (entry->ifa_addr->sa_family == AF_INET) {
      own.insert(ToText(*reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)));
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      own.insert(ToText(*reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)));
    }
  }
  return own;
}

}  // namespace sf
