// SPDX-License-Identifier: Apache-2.0
// With real links, in network namespaces that the cases make for themselves.
#include "net/vxlan_mesh.h"

#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <exception>
#include <functional>
#include <thread>

#include "net/netlink.h"

namespace {

using namespace sf::net;
using Catch::Matchers::Contains;
using sf::IpAddress;
using sf::NetworkId;

constexpr char kCluster[] = "7e57c0de-0000-4000-8000-000000000001";
constexpr int kNic = 100;

IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }
IpAddress Peer(std::uint32_t number) { return {Ip("10.99.0.1").value + number}; }

std::set<IpAddress> Peers(std::uint32_t count) {
  std::set<IpAddress> peers;
  for (std::uint32_t i = 1; i <= count; ++i) peers.insert(Peer(i));
  return peers;
}

std::map<Vni, NetworkId> Networks(std::uint32_t count) {
  std::map<Vni, NetworkId> networks;
  for (std::uint32_t i = 1; i <= count; ++i)
    networks[i * 7919] = NetworkId(fmt::format("net-{}", i));
  return networks;
}

/// Runs `body` on a thread in a new network namespace, which has a NIC "mesh0" (a veth pair) and is
/// gone with the thread.
void InNewNamespace(const std::function<void(Netlink&)>& body) {
  std::exception_ptr failure;  // How Catch2 ends a case: to be thrown on its own thread.
  std::thread([&] {
    try {
      REQUIRE(::unshare(CLONE_NEWNET) == 0);
      Netlink netlink = Netlink::Open().value();
      const AddVeth pair{.name = "mesh0", .peer_name = "far0", .peer_of = 0, .mtu = 1500};
      REQUIRE(netlink.Do(pair));
      const int nic = netlink.FindLink("mesh0").value().index;
      REQUIRE(netlink.Do(SetLink{.index = nic, .up = true}));
      REQUIRE(netlink.Do(AddAddress{nic, Ip("10.99.0.1"), 24}));
      body(netlink);
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure) std::rethrow_exception(failure);
}

VxlanMesh OurMesh() {
  return VxlanMesh(
      {.cluster_id = kCluster, .nic = "mesh0", .local = Ip("10.99.0.1"), .port = 4789});
}

VxlanMesh::Outcome Keep(const WantedMeshes& wanted) {
  const VxlanMesh mesh = OurMesh();
  const auto outcome = mesh.Keep(wanted, mesh.Read().value());
  REQUIRE(outcome);
  return *outcome;
}

std::set<IpAddress> Flooded(Netlink& netlink, const std::string& name) {
  const int index = netlink.FindLink(name).value().index;
  const auto entries = netlink.FdbEntries().value();
  std::set<IpAddress> vteps;
  for (const FdbEntry& entry : entries) {
    if (entry.link == index && entry.mac == kFlood) vteps.insert(entry.vtep);
  }
  return vteps;
}

}  // namespace

TEST_CASE("VxlanMesh: made, and then there is nothing to change", "[host][mesh]") {
  InNewNamespace([](Netlink& netlink) {
    const WantedMeshes wanted{.networks = {{5, NetworkId("blue")}}, .peers = Peers(3)};
    const auto made = Keep(wanted);
    CHECK(made.errors.empty());
    CHECK(made.changed == 1);

    const Link bridge = netlink.FindLink("br-vxlan-000005").value();
    const Link vxlan = netlink.FindLink("vxlan-000005").value();
    CHECK(bridge.kind == "bridge");
    CHECK(vxlan.vxlan == Vxlan{5, Ip("10.99.0.1"), netlink.FindLink("mesh0")->index, 4789});
    CHECK(vxlan.master == bridge.index);
    for (const Link& link : {bridge, vxlan}) {
      CHECK(link.mtu == 1450);
      CHECK(link.up);
      CHECK_FALSE(link.link_local);
      CHECK(link.alias == fmt::format("shakenfist {} blue", kCluster));
    }
    CHECK(Flooded(netlink, "vxlan-000005") == Peers(3));
    CHECK(Keep(wanted).changed == 0);
  });
}

TEST_CASE("VxlanMesh: peers are added, removed, and come back", "[host][mesh]") {
  InNewNamespace([](Netlink& netlink) {
    WantedMeshes wanted{.networks = Networks(3), .peers = Peers(2)};
    for (const auto& peers : {Peers(2), Peers(1), std::set<IpAddress>(), Peers(100), Peers(3)}) {
      wanted.peers = peers;
      CHECK(Keep(wanted).errors.empty());
      for (const auto& [vni, network] : wanted.networks) {
        CHECK(Flooded(netlink, VxlanName(vni)) == peers);
      }
      CHECK(Keep(wanted).changed == 0);
    }
  });
}

TEST_CASE("VxlanMesh: follows the MTU of its NIC, up and down", "[host][mesh]") {
  InNewNamespace([](Netlink& netlink) {
    const WantedMeshes wanted{.networks = Networks(2), .peers = Peers(1)};
    const int nic = netlink.FindLink("mesh0")->index;
    for (const int mtu : {1500, 9000, 1400}) {
      REQUIRE(netlink.Do(SetLink{.index = nic, .mtu = mtu}));
      CHECK(Keep(wanted).errors.empty());
      for (const auto& [vni, network] : wanted.networks) {
        CHECK(netlink.FindLink(VxlanName(vni))->mtu == mtu - kVxlanOverhead);
        CHECK(netlink.FindLink(BridgeName(vni))->mtu == mtu - kVxlanOverhead);
      }
      CHECK(Keep(wanted).changed == 0);
    }
  });
}

TEST_CASE("VxlanMesh: a stranger's link is named and left alone", "[host][mesh]") {
  InNewNamespace([](Netlink& netlink) {
    REQUIRE(netlink.Do(AddBridge{500, "br-vxlan-000005"}));
    REQUIRE(netlink.Do(AddBridge{501, "br-lan"}));
    WantedMeshes wanted{.networks = {{5, NetworkId("blue")}, {6, NetworkId("green")}},
                        .peers = Peers(1)};
    const auto outcome = Keep(wanted);
    REQUIRE(outcome.errors.contains(NetworkId("blue")));
    CHECK_THAT(outcome.errors.at(NetworkId("blue")).message, Contains("br-vxlan-000005"));
    CHECK(netlink.FindLink("vxlan-000006"));
    CHECK(netlink.FindLink("vxlan-000005").error().code == sf::Code::kNotFound);
    wanted.networks.clear();
    CHECK(Keep(wanted).errors.empty());
    CHECK(netlink.FindLink("br-vxlan-000005")->up == false);
    CHECK(netlink.FindLink("br-lan"));
    CHECK(netlink.FindLink("br-vxlan-000006").error().code == sf::Code::kNotFound);
  });
}

TEST_CASE("VxlanMesh: 200 are made and removed, and nothing is left", "[host][mesh]") {
  InNewNamespace([](Netlink& netlink) {
    const std::size_t before = netlink.Links()->size();
    WantedMeshes wanted{.networks = Networks(200), .peers = Peers(3)};
    CHECK(Keep(wanted).errors.empty());
    CHECK(netlink.Links()->size() == before + 400);
    CHECK(netlink.FdbEntries()->size() == 600);
    CHECK(FindMeshes(OurMesh().settings(), OurMesh().Read().value()) == wanted.networks);
    CHECK(Keep(wanted).changed == 0);
    wanted.networks.clear();
    CHECK(Keep(wanted).errors.empty());
    CHECK(netlink.Links()->size() == before);
    CHECK(netlink.FdbEntries()->empty());
  });
}

TEST_CASE("Netlink: a refusal says what was refused and why", "[host][mesh]") {
  InNewNamespace([](Netlink& netlink) {
    REQUIRE(netlink.Do(AddBridge{500, "twice"}));
    const auto again = netlink.Do(AddBridge{501, "twice"});
    REQUIRE_FALSE(again);
    CHECK(again.error().code == sf::Code::kConflict);
    CHECK_THAT(again.error().message, Contains("add bridge twice"));
    // What comes after it is done all the same, and to the right link: there is no 501.
    const std::vector<Change> batch = {AddBridge{501, "twice"}, SetLink{.index = 501, .alias = "x"},
                                       AddBridge{502, "other"}};
    CHECK(netlink.Do(batch).error().code == sf::Code::kConflict);
    CHECK(netlink.FindLink("twice")->alias.empty());
    CHECK(netlink.FindLink("other")->index == 502);
  });
}

TEST_CASE("Netlink: what services need may be done twice", "[host][mesh]") {
  InNewNamespace([](Netlink& netlink) {
    const int nic = netlink.FindLink("mesh0")->index;
    const auto outside = sf::Netblock::Parse("0.0.0.0/0").value();
    const auto block = sf::Netblock::Parse("192.0.2.1/32").value();
    for (int i = 0; i < 2; ++i) {
      CHECK(netlink.Do(AddAddress{nic, Ip("192.168.10.1"), 24}));
      CHECK(netlink.Do(AddRoute{.to = outside, .link = nic, .via = Ip("203.0.113.1")}));
      CHECK(netlink.Do(AddRoute{.to = block, .link = nic}));
      CHECK(netlink.Do(AddProxyNeighbour{nic, Ip("192.0.2.7")}));
    }
    for (int i = 0; i < 2; ++i) {
      CHECK(netlink.Do(RemoveRoute{outside, nic}));
      CHECK(netlink.Do(RemoveRoute{block, nic}));
      CHECK(netlink.Do(RemoveProxyNeighbour{nic, Ip("192.0.2.7")}));
      CHECK(netlink.Do(RemoveLink{nic}));
    }
  });
}

TEST_CASE("Netlink: one end of a pair is in the namespace of a process, and ends with it",
          "[host][mesh]") {
  InNewNamespace([](Netlink& netlink) {
    int ready[2];
    REQUIRE(::pipe(ready) == 0);
    const pid_t child = ::fork();
    if (child == 0) {
      const bool moved = ::unshare(CLONE_NEWNET) == 0 && ::write(ready[1], "x", 1) == 1;
      if (moved) ::pause();
      ::_exit(1);
    }
    char byte = 0;
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    const AddVeth pair{.name = "leg0", .peer_name = "eth0", .peer_of = child, .mtu = 1450};
    CHECK(netlink.Do(pair));
    CHECK(netlink.FindLink("leg0")->mtu == 1450);
    CHECK(netlink.FindLink("leg0")->kind == "veth");
    CHECK_FALSE(netlink.FindLink("eth0"));
    CHECK(netlink.Do(pair).error().code == sf::Code::kConflict);

    REQUIRE(::kill(child, SIGKILL) == 0);
    REQUIRE(::waitpid(child, nullptr, 0) == child);
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (netlink.FindLink("leg0") && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    CHECK_FALSE(netlink.FindLink("leg0"));
    ::close(ready[0]);
    ::close(ready[1]);
  });
}
