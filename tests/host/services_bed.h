// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "net/netlink.h"
#include "net/services_folder.h"

/// What tests of sf-services need around it: bridges, a folder, a daemon's heartbeat and guests.
namespace services_bed {

inline constexpr char kCluster[] = "7e57c0de-0000-4000-8000-000000000004";

/// Runs `body` on a thread in a new network namespace, which ends with it.
void InNewNamespace(const std::function<void()>& body);

/// Waits until `is_so`, for at most `limit`. Whether it became so.
bool Eventually(const std::function<bool()>& is_so,
                std::chrono::milliseconds limit = std::chrono::seconds(10));

/// 10.1.0.0/24 with DHCP, and as many guests as asked for from 10.1.0.10 on.
sf::net::WantedNetwork Network(std::uint32_t vni, int guests = 1);
/// The same for all networks, so that two of them have guests with one MAC address.
std::string GuestMac(int guest);

/// The bridge that a node's end of the mesh has, without the mesh.
void MakeBridge(const sf::net::WantedNetwork& network);

/// A folder that goes with it.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A process that is killed with it.
class Process {
 public:
  explicit Process(const std::vector<std::string>& command);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
};

/// What a shell script says as a guest on the network's bridge, with the NIC eth0.
std::string AsGuest(const sf::net::WantedNetwork& network, const std::string& script);
/// What a guest with `mac` on the network's bridge is given by DHCP: its address, or nothing.
std::string Lease(const sf::net::WantedNetwork& network, const std::string& mac, int seconds = 3);

}  // namespace services_bed
