// SPDX-License-Identifier: Apache-2.0
// sf-services with real links and a real dnsmasq, without its container.
#include "net/services.h"

#include <signal.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <memory>

#include "net/mesh.h"
#include "services_bed.h"

namespace {

using namespace services_bed;
using namespace sf::net;
using namespace std::chrono_literals;

/// A daemon and its sf-services. It speaks only when it is told to.
class Served {
 public:
  explicit Served(const std::vector<WantedNetwork>& networks) {
    for (const WantedNetwork& network : networks) MakeBridge(network);
    Want(networks);
    Beat();
    process_ =
        std::make_unique<Process>(std::vector<std::string>{SF_SERVICES, home_.path().string()});
  }

  void Want(const std::vector<WantedNetwork>& networks) {
    REQUIRE(folder.Write({.cluster_id = kCluster, .term = term, .term_key = key}, networks,
                         sf::Templates::Load({}).value()));
  }
  void Replace(const std::string& name, const std::string& text) {
    std::ofstream(home_.path() / "new") << text;
    std::filesystem::rename(home_.path() / "new", home_.path() / name);
  }
  void Beat(BootTime for_so_long = kOrphanLimit) {
    REQUIRE(folder.WriteHeartbeat({.term = term, .deadline = BootTimeNow() + for_so_long}));
  }
  ServicesStatus Status() const { return folder.ReadStatus().value_or(ServicesStatus{}); }
  /// Until it serves so many networks, each with a dnsmasq.
  bool Serves(std::size_t count) {
    return Eventually([&] {
      Beat();
      const auto status = Status();
      const auto runs = [](const auto& each) { return each.second.dnsmasq != 0; };
      return status.networks.size() == count && std::ranges::all_of(status.networks, runs);
    });
  }
  /// A heartbeat right before: a lease takes less than kOrphanLimit.
  std::string Lease(const WantedNetwork& network, const std::string& mac) {
    Beat();
    return services_bed::Lease(network, mac);
  }
  void End() { process_.reset(); }
  pid_t pid() const { return process_->pid(); }

 private:
  const Folder home_;

 public:
  ServicesFolder folder{home_.path(), home_.path()};
  std::uint64_t term = 1;
  const TermKey key = MakeTermKey("the cluster's secret");

 private:
  std::unique_ptr<Process> process_;
};

std::size_t Legs() {
  const auto links = Netlink::Open().value().Links().value();
  return static_cast<std::size_t>(std::ranges::count(links, "veth", &Link::kind));
}

/// A port of the network's bridge, with nobody at its far end, whose index this is.
int AddPort(const WantedNetwork& network) {
  Netlink netlink = Netlink::Open().value();
  REQUIRE(netlink.Do(AddVeth{.name = "port", .peer_name = "far", .mtu = network.mtu}));
  const int far = netlink.FindLink("far").value().index;
  const Change changes[] = {
      SetLink{.index = netlink.FindLink("port").value().index,
              .master = netlink.FindLink(BridgeName(network.vni)).value().index,
              .up = true},
      SetLink{.index = far, .up = true}};
  REQUIRE(netlink.Do(changes));
  return far;
}

}  // namespace

TEST_CASE("Services: a guest gets the address that is its own, and a stranger none", "[host]") {
  InNewNamespace([] {
    const auto network = Network(5, 2);
    Served served({network});
    REQUIRE(served.Serves(1));
    CHECK(served.Lease(network, GuestMac(0)) == "10.1.0.10");
    CHECK(served.Lease(network, GuestMac(1)) == "10.1.0.11");
    CHECK(served.Lease(network, "02:00:00:00:ff:ff").empty());
  });
}

TEST_CASE("Services: networks may have the same addresses and the same MACs", "[host]") {
  InNewNamespace([] {
    auto first = Network(5), second = Network(6);
    second.hosts[0].address = second.netblock.At(77);
    Served served({first, second});
    REQUIRE(served.Serves(2));
    CHECK(served.Lease(first, GuestMac(0)) == "10.1.0.10");
    CHECK(served.Lease(second, GuestMac(0)) == "10.1.0.77");
  });
}

TEST_CASE("Services: guests come and go, and an address goes to its new owner", "[host]") {
  InNewNamespace([] {
    auto network = Network(5);
    Served served({network});
    REQUIRE(served.Serves(1));
    REQUIRE(served.Lease(network, GuestMac(0)) == "10.1.0.10");
    network.hosts.push_back({.mac = GuestMac(1), .address = network.netblock.At(11), .name = ""});
    served.Want({network});
    CHECK(Eventually([&] { return served.Lease(network, GuestMac(1)) == "10.1.0.11"; }));
    CHECK(served.Status().networks[network.uuid].starts == 1);
    network.hosts.erase(network.hosts.begin());
    network.hosts[0].address = network.netblock.At(10);
    served.Want({network});
    CHECK(Eventually([&] { return served.Lease(network, GuestMac(1)) == "10.1.0.10"; }));
    CHECK(served.Lease(network, GuestMac(0)).empty());
  });
}

TEST_CASE("Services: a network that changes its shape is made anew, one that goes is gone",
          "[host]") {
  InNewNamespace([] {
    auto network = Network(5);
    Served served({network, Network(6)});
    REQUIRE(served.Serves(2));
    const auto since = served.Status().networks[network.uuid].since;
    network.mtu = 1400;
    served.Want({network});
    REQUIRE(Eventually([&] {
      served.Beat();
      const auto status = served.Status();
      return status.networks.size() == 1 && status.networks.contains(network.uuid) &&
             status.networks.at(network.uuid).since != since;
    }));
    CHECK(Eventually([] { return Legs() == 1; }));
    CHECK(served.Lease(network, GuestMac(0)) == "10.1.0.10");
  });
}

TEST_CASE("Services: after a thaw what is too old goes down first", "[host]") {
  InNewNamespace([] {
    const auto network = Network(5);
    Served served({network});
    REQUIRE(served.Serves(1));
    const int dnsmasq = served.Status().networks[network.uuid].dnsmasq;
    served.Beat(1s);
    for (const pid_t pid : {served.pid(), dnsmasq}) REQUIRE(::kill(pid, SIGSTOP) == 0);
    const BootTime end = BootTimeNow() + 1500ms;
    REQUIRE(Eventually([&] { return BootTimeNow() > end; }));
    // In this order, as sf-services kills the other at once.
    for (const pid_t pid : {dnsmasq, served.pid()}) REQUIRE(::kill(pid, SIGCONT) == 0);
    CHECK(Eventually([&] { return Legs() == 0 && ::kill(dnsmasq, 0) != 0; }, 500ms));
  });
}

TEST_CASE("Services: a dnsmasq that was killed comes back", "[host]") {
  InNewNamespace([] {
    const auto network = Network(5);
    Served served({network});
    REQUIRE(served.Serves(1));
    REQUIRE(::kill(served.Status().networks[network.uuid].dnsmasq, SIGKILL) == 0);
    REQUIRE(Eventually([&] {
      served.Beat();
      return served.Status().networks[network.uuid].starts == 2;
    }));
    CHECK(served.Lease(network, GuestMac(0)) == "10.1.0.10");
  });
}

TEST_CASE("Services: without a word of the daemon all go down, and up at its next", "[host]") {
  InNewNamespace([] {
    const auto network = Network(5);
    Served served({network});
    REQUIRE(served.Serves(1));
    const int dnsmasq = served.Status().networks[network.uuid].dnsmasq;
    served.Beat();
    const BootTime spoke = BootTimeNow();
    REQUIRE(Eventually([] { return Legs() == 0; }));
    const BootTime silence = BootTimeNow() - spoke;
    CHECK(silence > kOrphanLimit - 100ms);
    CHECK(silence < kOrphanLimit + 300ms);
    CHECK(Eventually([&] { return ::kill(dnsmasq, 0) != 0; }));
    CHECK(services_bed::Lease(network, GuestMac(0), 1).empty());
    REQUIRE(served.Serves(1));
    CHECK(served.Lease(network, GuestMac(0)) == "10.1.0.10");
  });
}

TEST_CASE("Services: guests that knew another gateway are told of this one", "[host]") {
  InNewNamespace([] {
    const auto network = Network(5);
    Served served({network});
    served.Beat(0s);
    REQUIRE(Eventually([&] { return !served.Status().serving && Legs() == 0; }));
    served.Beat();
    // It asks for nothing: so what changes its mind is what it is told.
    const std::string said =
        AsGuest(network,
                "ip link set eth0 up; ip address add 10.1.0.10/24 dev eth0; "
                "ip neighbour add 10.1.0.1 lladdr 02:00:00:00:00:99 dev eth0 nud stale; "
                "for i in $(seq 30); do sleep 0.1; "
                "ip neighbour show 10.1.0.1 | grep -q 02:00:00:00:00:99 || break; done; "
                "ip neighbour show 10.1.0.1");
    CHECK_THAT(said, Catch::Matchers::Contains("lladdr") &&
                         !Catch::Matchers::Contains("02:00:00:00:00:99"));
  });
}

TEST_CASE("Services: a namesake in DNS is the guest of this network", "[host]") {
  InNewNamespace([] {
    auto network = Network(5);
    network.dns = true;
    network.domain = "example.com";
    Served served({network});
    REQUIRE(served.Serves(1));
    const std::string said =
        AsGuest(network,
                "ip link set eth0 up; ip address add 10.1.0.99/24 dev eth0; "
                "ping -c 1 -W 2 10.1.0.1; busybox nslookup guest-0.example.com 10.1.0.1");
    CHECK_THAT(said,
               Catch::Matchers::Contains("1 received") && Catch::Matchers::Contains("10.1.0.10\n"));
  });
}

TEST_CASE("Services: a lower term is not heeded", "[host]") {
  InNewNamespace([] {
    const auto network = Network(5);
    Served served({network});
    served.term = 7;
    served.Want({network});
    REQUIRE(served.Serves(1));
    REQUIRE(Eventually([&] { return served.Status().term == 7; }));
    served.term = 6;
    served.Beat(0s);
    const auto refused = served.folder.Write({.cluster_id = kCluster, .term = 6}, {},
                                             sf::Templates::Load({}).value());
    CHECK(refused.error().code == sf::Code::kConflict);
    served.Replace("services.json",
                   ToJson(WantedServices{.cluster_id = kCluster, .term = 6, .networks = {}}));
    CHECK_FALSE(Eventually([&] { return served.Status().networks.empty(); }, 1s));
  });
}

TEST_CASE("Services: whoever hears in one mesh that another serves serves none, and says the same",
          "[host]") {
  InNewNamespace([] {
    const auto network = Network(5);
    Served served({network, Network(6)});
    const int far = AddPort(network);
    const TermSocket other = TermSocket::Open().value();
    REQUIRE(served.Serves(2));
    REQUIRE(Eventually([&] {
      served.Beat();
      return other.Heard(served.key) == served.term;
    }));
    const auto ended = [&](std::uint64_t term, const TermKey& key) {
      served.Beat();
      other.Tell(far, term, key);
      return served.Status().networks.empty();
    };
    CHECK_FALSE(Eventually([&] { return ended(1, served.key); }, 500ms));
    CHECK_FALSE(Eventually([&] { return ended(2, MakeTermKey("a guest's")); }, 500ms));
    CHECK(Eventually([&] { return ended(2, served.key); }, 500ms));
    CHECK(Eventually([&] { return Legs() == 2; }, 500ms));  // Those of the port.
    CHECK_FALSE(Eventually(
        [&] {
          served.Beat();
          return !served.Status().networks.empty();
        },
        1s));
    served.term = 3;
    served.Want({network, Network(6)});
    CHECK(served.Serves(2));
  });
}

TEST_CASE("Services: a bad file is an error of its own network", "[host]") {
  InNewNamespace([] {
    const auto first = Network(5), second = Network(6);
    Served served({first, second});
    REQUIRE(served.Serves(2));
    served.Replace(first.uuid.value + ".json", "{");
    served.Replace(
        "services.json",
        ToJson(WantedServices{.cluster_id = kCluster, .term = 1, .networks = {first.uuid}}));
    CHECK(Eventually([&] { return served.Status().errors.contains(first.uuid); }));
    CHECK(served.Serves(1));
    CHECK(served.Status().networks.contains(first.uuid));
  });
}

TEST_CASE("Services: a stranger's bridge is not joined", "[host]") {
  InNewNamespace([] {
    const auto network = Network(5);
    Served served({network});
    REQUIRE(served.Serves(1));
    const auto other = Network(6);
    MakeBridge(other);
    Netlink netlink = Netlink::Open().value();
    const int bridge = netlink.FindLink("br-vxlan-000006").value().index;
    REQUIRE(netlink.Do(SetLink{.index = bridge, .alias = "a stranger's"}));
    served.Want({network, other});
    CHECK(Eventually([&] { return served.Status().errors.contains(other.uuid); }));
    CHECK(served.Serves(1));
    CHECK(Legs() == 1);
  });
}

TEST_CASE("Services: killed, it leaves nothing", "[host]") {
  InNewNamespace([] {
    const auto network = Network(5);
    Served served({network});
    REQUIRE(served.Serves(1));
    const int dnsmasq = served.Status().networks[network.uuid].dnsmasq;
    served.End();
    CHECK(Eventually([] { return Legs() == 0; }));
    CHECK(Eventually([&] { return ::kill(dnsmasq, 0) != 0; }));
  });
}

TEST_CASE("Services: how long many networks take", "[.][bench]") {
  const auto count = static_cast<std::uint32_t>(std::atoi(std::getenv("SF_NETWORKS")));
  InNewNamespace([&] {
    std::vector<WantedNetwork> networks;
    for (std::uint32_t i = 1; i <= count; ++i) networks.push_back(Network(i));
    for (const auto& network : networks) MakeBridge(network);
    Folder home;
    ServicesFolder folder(home.path(), home.path());
    const Process process({SF_SERVICES, home.path().string()});
    REQUIRE(Eventually([&] { return folder.ReadStatus().has_value(); }));
    const BootTime begin = BootTimeNow();
    const auto since = [&] { return std::chrono::duration<double>(BootTimeNow() - begin).count(); };
    REQUIRE(folder.Write({.cluster_id = kCluster, .term = 1}, networks,
                         sf::Templates::Load({}).value()));
    const double written = since();
    REQUIRE(Eventually(
        [&] {
          REQUIRE(folder.WriteHeartbeat({1, BootTimeNow() + kOrphanLimit}));
          const auto status = folder.ReadStatus();
          return status && status->networks.size() == count;
        },
        60s));
    const double served = since();
    CHECK(services_bed::Lease(networks.back(), GuestMac(0)) == "10.1.0.10");
    WARN(fmt::format("{} networks: written {:.3f} s, served {:.3f} s, last leased {:.3f} s", count,
                     written, served, since()));
    std::system(fmt::format("grep -h VmRSS /proc/{}/status; ps -C dnsmasq -o rss= | sort -n | "
                            "awk '{{s+=$1; n++}} END {{print n, s/n}}'",
                            process.pid())
                    .c_str());
    REQUIRE(folder.WriteHeartbeat({1, BootTimeNow()}));
    const BootTime down = BootTimeNow();
    REQUIRE(Eventually([] { return Legs() == 0; }, 60s));
    WARN(fmt::format("down {:.3f} s", std::chrono::duration<double>(BootTimeNow() - down).count()));
  });
}
