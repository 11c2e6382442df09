// SPDX-License-Identifier: Apache-2.0
#include "services_bed.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <exception>
#include <thread>

#include "net/mesh.h"

namespace services_bed {

using namespace sf::net;
using sf::IpAddress;
using sf::Netblock;

void InNewNamespace(const std::function<void()>& body) {
  std::exception_ptr failure;  // How Catch2 ends a case: to be thrown on its own thread.
  std::thread([&] {
    try {
      REQUIRE(::unshare(CLONE_NEWNET) == 0);
      body();
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

bool Eventually(const std::function<bool()>& is_so, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

std::string GuestMac(int guest) {
  return fmt::format("02:00:00:00:{:02x}:{:02x}", guest / 256, guest % 256);
}

WantedNetwork Network(std::uint32_t vni, int guests) {
  WantedNetwork network;
  network.uuid = sf::NetworkId(fmt::format("00000000-0000-4000-8000-{:012x}", vni));
  network.vni = vni;
  network.netblock = Netblock::Parse("10.1.0.0/24").value();
  network.gateway = network.netblock.gateway();
  network.mtu = 1450;
  network.dhcp = true;
  for (int i = 0; i < guests; ++i) {
    network.hosts.push_back({.mac = GuestMac(i),
                             .address = network.netblock.At(static_cast<std::uint64_t>(10 + i)),
                             .name = fmt::format("guest-{}", i)});
  }
  return network;
}

void MakeBridge(const WantedNetwork& network) {
  Netlink netlink = Netlink::Open().value();
  const int index = 0x10000000 + static_cast<int>(network.vni);
  const std::string alias = fmt::format("shakenfist {} {}", kCluster, network.uuid);
  const Change changes[] = {AddBridge{index, BridgeName(network.vni)},
                            SetLink{.index = index, .alias = alias, .mtu = network.mtu},
                            SetLink{.index = index, .up = true}};
  REQUIRE(netlink.Do(changes));
}

Folder::Folder() {
  std::string name = (std::filesystem::temp_directory_path() / "sf-services-XXXXXX").string();
  REQUIRE(::mkdtemp(name.data()) != nullptr);
  path_ = name;
}

Folder::~Folder() { std::filesystem::remove_all(path_); }

Process::Process(const std::vector<std::string>& command) : pid_(::fork()) {
  if (pid_ != 0) return;
  std::vector<char*> arguments;
  for (const std::string& each : command) arguments.push_back(const_cast<char*>(each.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments.front(), arguments.data());
  ::_exit(127);
}

Process::~Process() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

std::string AsGuest(const WantedNetwork& network, const std::string& script) {
  int ready[2], output[2];
  REQUIRE((::pipe2(ready, O_CLOEXEC) == 0 && ::pipe2(output, O_CLOEXEC) == 0));
  int plugged[2];
  REQUIRE(::pipe2(plugged, O_CLOEXEC) == 0);
  const pid_t guest = ::fork();
  if (guest == 0) {
    char byte = 0;
    if (::unshare(CLONE_NEWNET) != 0 || ::write(ready[1], "x", 1) != 1) ::_exit(1);
    if (::read(plugged[0], &byte, 1) != 1) ::_exit(1);
    ::dup2(output[1], 1);
    ::dup2(output[1], 2);
    ::execl("/bin/sh", "sh", "-c", script.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }
  ::close(output[1]);
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  Netlink netlink = Netlink::Open().value();
  const std::string port = fmt::format("g{}", guest);
  REQUIRE(netlink.Do(AddVeth{.name = port, .peer_name = "eth0", .peer_of = guest, .mtu = 1450}));
  const int index = netlink.FindLink(port).value().index;
  const int bridge = netlink.FindLink(BridgeName(network.vni)).value().index;
  REQUIRE(netlink.Do(SetLink{.index = index, .master = bridge, .up = true}));
  REQUIRE(::write(plugged[1], "x", 1) == 1);
  std::string said;
  char buffer[512];
  for (ssize_t size; (size = ::read(output[0], buffer, sizeof(buffer))) > 0;) {
    said.append(buffer, static_cast<std::size_t>(size));
  }
  ::waitpid(guest, nullptr, 0);
  for (const int each : {ready[0], ready[1], plugged[0], plugged[1], output[0]}) ::close(each);
  (void)netlink.Do(RemoveLink{index});
  return said;
}

std::string Lease(const WantedNetwork& network, const std::string& mac, int seconds) {
  const std::string said = AsGuest(
      network, fmt::format("ip link set eth0 address {} && ip link set eth0 up && "
                           "exec busybox udhcpc -f -n -q -i eth0 -t {} -T 1 -A 0 -s /bin/true",
                           mac, seconds));
  UNSCOPED_INFO(said);
  const auto begin = said.find("lease of ");
  if (begin == said.npos) return {};
  return said.substr(begin + 9, said.find(' ', begin + 9) - begin - 9);
}

}  // namespace services_bed
