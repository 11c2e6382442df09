// SPDX-License-Identifier: Apache-2.0
// What it costs a node to join meshes: by VxlanMesh, which reads, compares and changes; by the very
// same changes alone, sent to the kernel as bytes that were made before; and by the commands ip and
// bridge, each reading all of them in one process.
//
//   bench_meshes NETWORKS PEERS RUNS
//
// All in a network namespace of its own. Prints one line, {"way": [milliseconds of each run], ...}.
#include <fmt/format.h>
#include <linux/netlink.h>
#include <netlink/msg.h>
#include <sched.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "net/netlink.h"
#include "net/vxlan_mesh.h"

namespace {

using namespace sf::net;
using sf::IpAddress;
using sf::NetworkId;

// What cannot be measured has no other way to go on.
void Require(bool fine, const std::string& what) {
  if (fine) return;
  fmt::print(stderr, "bench_meshes: {}\n", what);
  std::exit(1);
}

template <class T>
T Must(sf::Result<T> result) {
  Require(result.has_value(), result ? "" : result.error().message);
  return sf::Take(std::move(result));
}

double Milliseconds(const std::function<void()>& body) {
  const auto begun = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun)
      .count();
}

WantedMeshes Wanted(std::uint32_t networks, std::uint32_t peers, IpAddress self) {
  WantedMeshes wanted;
  // Scattered as drawn VNIs are.
  for (std::uint32_t i = 1; i <= networks; ++i) {
    wanted.networks[i * 2654435761U % 0xfffffe + 1] =
        NetworkId(fmt::format("7e57c0de-0000-4000-8000-{:012}", i));
  }
  for (std::uint32_t i = 1; i <= peers; ++i) wanted.peers.insert({self.value + i});
  return wanted;
}

/// One datagram for each network, as Netlink sends it.
std::vector<std::vector<char>> ToDatagrams(const MeshPlan& plan) {
  std::vector<std::vector<char>> datagrams;
  for (const MeshChanges& mesh : plan.changes) {
    std::vector<char> bytes;
    for (const Change& change : mesh.changes) {
      const MessageHandle message = ToMessage(change);
      nlmsghdr* const header = nlmsg_hdr(message.get());
      if (&change == &mesh.changes.back()) header->nlmsg_flags |= NLM_F_ACK;
      const auto* const first = reinterpret_cast<const char*>(header);
      bytes.insert(bytes.end(), first, first + NLMSG_ALIGN(header->nlmsg_len));
    }
    datagrams.push_back(std::move(bytes));
  }
  return datagrams;
}

void SendBare(const std::vector<std::vector<char>>& datagrams) {
  const int socket = ::socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  char answer[8192];
  for (const auto& datagram : datagrams) {
    Require(::send(socket, datagram.data(), datagram.size(), 0) > 0, "cannot send");
    const auto size = ::recv(socket, answer, sizeof(answer), 0);
    const auto* const header = reinterpret_cast<const nlmsghdr*>(answer);
    Require(size > 0 && static_cast<const nlmsgerr*>(NLMSG_DATA(header))->error == 0, "refused");
  }
  ::close(socket);
}

void Run(const char* command, const std::string& file) {
  const char* const arguments[] = {command, "-batch", file.c_str(), nullptr};
  pid_t child = 0;
  int status = -1;
  const bool started = ::posix_spawnp(&child, command, nullptr, nullptr,
                                      const_cast<char* const*>(arguments), environ) == 0;
  Require(started && ::waitpid(child, &status, 0) == child && status == 0, command);
}

void WriteCommands(const WantedMeshes& wanted, const std::string& links,
                   const std::string& entries) {
  std::ofstream ip(links), bridge(entries);
  for (const auto& [vni, network] : wanted.networks) {
    const std::string b = BridgeName(vni), v = VxlanName(vni);
    ip << fmt::format(
        "link add {0} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n"
        "link set {0} addrgenmode none\nlink set {0} mtu 1450 alias \"x {3}\" up\n"
        "link add {1} type vxlan id {2} local 10.99.0.1 dev mesh0 dstport 4789\n"
        "link set {1} addrgenmode none\nlink set {1} mtu 1450 alias \"x {3}\" master {0} up\n",
        b, v, vni, network.value);
    for (const IpAddress peer : wanted.peers) {
      bridge << fmt::format("fdb append 00:00:00:00:00:00 dev {} dst {}\n", v, ToString(peer));
    }
  }
  Require(ip.flush().good() && bridge.flush().good(), "cannot write " + links);
}

/// All but the NIC, in one go.
void RemoveAll(Netlink& netlink) {
  constexpr std::uint32_t kGroup = 77;
  std::vector<Change> changes;
  const auto links = Must(netlink.Links());
  for (const Link& link : links) {
    if (link.kind != "bridge" && link.kind != "vxlan") continue;
    changes.emplace_back(SetLink{.index = link.index, .group = kGroup});
  }
  changes.emplace_back(RemoveGroup{kGroup});
  Must(netlink.Do(changes));
}

}  // namespace

int main(int count, char** words) {
  Require(count == 4, "usage: bench_meshes NETWORKS PEERS RUNS");
  const auto number = [&](int i) { return static_cast<std::uint32_t>(std::atoi(words[i])); };
  Require(::unshare(CLONE_NEWNET) == 0, "needs root");
  const IpAddress self = Must(IpAddress::Parse("10.99.0.1"));
  Netlink netlink = Must(Netlink::Open());
  Must(netlink.Do(AddVeth{.name = "mesh0", .peer_name = "far0", .peer_of = 0, .mtu = 1500}));
  const int nic = Must(netlink.FindLink("mesh0")).index;
  Must(netlink.Do(SetLink{.index = nic, .up = true}));
  Must(netlink.Do(AddAddress{nic, self, 16}));

  const VxlanMesh mesh({.cluster_id = "7e57c0de", .nic = "mesh0", .local = self, .port = 4789});
  const WantedMeshes wanted = Wanted(number(1), number(2), self);
  const auto plan = Must(PlanMeshes(mesh.settings(), wanted, Must(mesh.Read())));
  const auto datagrams = ToDatagrams(plan);
  std::string folder = "/tmp/bench-meshes-XXXXXX";
  Require(::mkdtemp(folder.data()) != nullptr, "no temporary folder");
  WriteCommands(wanted, folder + "/ip", folder + "/bridge");

  const auto keep = [&](const WantedMeshes& meshes) {
    const auto outcome = Must(mesh.Keep(meshes, Must(mesh.Read())));
    Require(outcome.errors.empty(), "a network could not be joined");
  };
  WantedMeshes one_more = wanted;
  one_more.networks[0xffffff] = NetworkId("one-more");
  std::map<std::string, std::vector<double>> times;
  const std::vector<std::pair<std::string, std::function<void()>>> ways = {
      {"ours", [&] { keep(wanted); }},
      {"bare", [&] { SendBare(datagrams); }},
      {"commands", [&] {
         Run("ip", folder + "/ip");
         Run("bridge", folder + "/bridge");
       }}};
  const std::uint32_t runs = number(3);
  for (std::uint32_t run = 0; run < runs; ++run) {
    for (std::size_t i = 0; i < ways.size(); ++i) {
      const auto& [way, body] = ways[(run + i) % ways.size()];  // Each goes first as often.
      times[way].push_back(Milliseconds(body));
      if (way == "ours") {
        times["unchanged"].push_back(Milliseconds([&] { keep(wanted); }));
        times["one_more"].push_back(Milliseconds([&] { keep(one_more); }));
      }
      RemoveAll(netlink);
    }
  }
  for (const char* const file : {"/ip", "/bridge"}) ::unlink((folder + file).c_str());
  ::rmdir(folder.c_str());
  fmt::print("{}\n", nlohmann::json(times).dump());
}
