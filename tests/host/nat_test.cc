// SPDX-License-Identifier: Apache-2.0
// NAT and floating addresses by sf-services, with real links and rules: a namespace is the host,
// and others beside it are its guests and the outside.
#include <signal.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdio>
#include <memory>

#include "net/egress.h"
#include "net/mesh.h"
#include "net/ping.h"
#include "net/served_network.h"
#include "net/services_folder.h"
#include "services_bed.h"

namespace {

using namespace services_bed;
using namespace sf::net;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using sf::IpAddress;
using sf::Netblock;

IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }

/// What a shell command prints on the host.
std::string Shell(const std::string& command) {
  FILE* const pipe = ::popen(fmt::format("({}) 2>&1", command).c_str(), "r");
  std::string said;
  char buffer[512];
  while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) said += buffer;
  ::pclose(pipe);
  return said;
}

/// A machine beside the host, with a NIC `eth0` whose other end is `port` on the host.
class Station {
 public:
  Station(const std::string& port, const std::string& address)
      : process_({"/usr/bin/unshare", "-n", "/bin/sleep", "600"}) {
    REQUIRE(Eventually([&] {  // Until it has left the host's namespace.
      return Shell(fmt::format("readlink /proc/{}/ns/net", process_.pid())) !=
                 Shell("readlink /proc/thread-self/ns/net") &&
             Shell(fmt::format("readlink /proc/{}/exe", process_.pid())) == "/usr/bin/sleep\n";
    }));
    Shell(fmt::format("ip link add {0} type veth peer name eth0 netns {1}; ip link set {0} up",
                      port, process_.pid()));
    Run(fmt::format("ip link set lo up; ip address add {}/24 dev eth0; ip link set eth0 up",
                    address));
  }
  pid_t pid() const { return process_.pid(); }
  std::string Run(const std::string& command) const {
    return Shell(fmt::format("nsenter -t {} -n sh -c '{}'", process_.pid(), command));
  }
  /// Whether this column of the kernel's ICMP counters grows.
  bool IcmpGoesOn(int column) const {
    const auto count = [&] {
      return Run(fmt::format("grep ^Icmp: /proc/net/snmp | tail -1 | cut -d\" \" -f{}", column));
    };
    const std::string before = count();
    return Eventually([&] { return count() != before; }, 500ms);
  }
  /// Whether an answer comes within some seconds.
  bool Reaches(const std::string& address, int seconds = 5) const {
    return Run(fmt::format("for i in $(seq {}); do ping -c 1 -W 1 {} && break; done", seconds,
                           address))
               .find("1 received") != std::string::npos;
  }

 private:
  Process process_;
};

/// The host, with a NIC `nic0` to the outside, and the networks that it serves.
class NatHost {
 public:
  explicit NatHost(std::vector<WantedNetwork> served, Shield guarded = {})
      : networks(std::move(served)), shield(std::move(guarded)) {
    Shell("ip link set lo up; ip address add 10.99.0.1/24 dev nic0");
    for (const WantedNetwork& network : networks) MakeBridge(network);
    Want();
    Start();
  }

  void Start() {
    Beat();
    services_ =
        std::make_unique<Process>(std::vector<std::string>{SF_SERVICES, home_.path().string()});
    REQUIRE(Serves());
  }
  void Kill() { services_.reset(); }
  pid_t pid() const { return services_->pid(); }
  void Want() {
    REQUIRE(folder_.Write({.cluster_id = kCluster, .term = 1, .egress = egress}, networks,
                          sf::Templates::Load({}).value(), shield));
  }
  /// As a daemon that never falls silent: these tests are not about that.
  void Beat(BootTime for_so_long = kOrphanLimit) {
    REQUIRE(folder_.WriteHeartbeat({.term = 1, .deadline = BootTimeNow() + for_so_long}));
  }
  bool Serves() {
    return Eventually([&] {
      Beat();
      return Status().networks.size() == networks.size() && Status().errors.empty();
    });
  }
  ServicesStatus Status() const { return folder_.ReadStatus().value_or(ServicesStatus{}); }

  /// A guest of the n-th network.
  std::unique_ptr<Station> Guest(std::size_t n, int number) {
    Beat();
    const std::string port = fmt::format("g{}-{}", n, number);
    auto guest = std::make_unique<Station>(port, fmt::format("10.1.0.{}", number));
    Shell(fmt::format("ip link set {} master {}", port, BridgeName(networks[n].vni)));
    guest->Run("ip route add default via 10.1.0.1");
    Beat();
    return guest;
  }

  const Station outside{"nic0", "10.99.0.2"};
  std::vector<WantedNetwork> networks;
  WantedEgress egress = {
      .nic = "nic0", .floating = Netblock::Parse("192.168.20.0/24").value(), .masquerade = true};
  Shield shield;

 private:
  const Folder home_;
  ServicesFolder folder_{home_.path(), home_.path()};
  std::unique_ptr<Process> services_;
};

WantedNetwork WithNat(std::uint32_t vni, const char* floating_gateway) {
  WantedNetwork network = Network(vni);
  network.dhcp = false;
  network.floating_gateway = Ip(floating_gateway);
  return network;
}

}  // namespace

TEST_CASE("Nat: guests reach an outside that knows nothing of them, and not each other's network",
          "[host]") {
  InNewNamespace([] {
    WantedNetwork closed = Network(7);
    closed.dhcp = false;
    NatHost host({WithNat(5, "192.168.20.5"), WithNat(6, "192.168.20.6"), closed});
    const auto first = host.Guest(0, 10), second = host.Guest(1, 10), third = host.Guest(2, 10);
    const auto beat_and = [&](bool reaches) {
      host.Beat();
      return reaches;
    };
    CHECK(beat_and(first->Reaches("10.99.0.2")));
    CHECK(beat_and(second->Reaches("10.99.0.2")));
    CHECK(beat_and(first->Reaches("192.168.20.6")));  // The other's gateway is of the outside.
    CHECK(beat_and(!third->Reaches("10.99.0.2", 1)));
    CHECK(beat_and(!second->Reaches("10.1.0.11", 1)));
    // Nobody is routed who is none of a guest's.
    const Station internal("nic1", "10.98.0.2");
    Shell("ip address add 10.98.0.1/24 dev nic1");
    internal.Run("ip route add default via 10.98.0.1");
    host.outside.Run("ip route add default via 10.99.0.1");
    CHECK(beat_and(!host.outside.Reaches("10.98.0.2", 1)));
    CHECK(beat_and(!host.outside.Reaches("10.1.0.10", 1)));
    CHECK(beat_and(!first->Reaches("10.98.0.2", 1)));
  });
}

TEST_CASE("Nat: guests begin nothing with those who run the cloud", "[host]") {
  InNewNamespace([] {
    // From the beginning: rules that are wanted later come into force somewhat later.
    NatHost host({WithNat(5, "192.168.20.5")}, {.nodes = {Ip("10.99.0.1"), Ip("10.99.0.3")},
                                                .databases = {{Ip("10.99.0.2"), 3306}},
                                                .dns_servers = {Ip("10.99.0.3")}});
    const auto guest = host.Guest(0, 10);
    const Station& outside = host.outside;
    outside.Run("ip address add 10.99.0.3/24 dev eth0");
    // Whoever connects is told hello.
    const auto listen = [](pid_t where, const char* port) {
      return Process({"/usr/bin/nsenter", "-t", fmt::format("{}", where), "-n", "/bin/busybox",
                      "nc", "-ll", "-p", port, "-e", "/bin/echo", "hello"});
    };
    const Process dns = listen(outside.pid(), "53"), web = listen(outside.pid(), "80"),
                  database = listen(outside.pid(), "3306"), api = listen(::gettid(), "80");
    const auto says = [&](const Station& who, const char* address_and_port) {
      host.Beat();
      return who.Run(fmt::format("busybox nc -w 1 {} </dev/null", address_and_port)) == "hello\n";
    };
    CHECK(Eventually([&] { return says(*guest, "10.99.0.2 80"); }));
    CHECK(Eventually([&] { return says(*guest, "10.99.0.3 53"); }));
    for (const char* there : {"10.99.0.3 80", "10.99.0.2 3306", "10.99.0.1 80"}) {
      CHECK(Eventually([&] { return says(outside, there); }));
      CHECK_FALSE(says(*guest, there));
    }
    CHECK_FALSE(guest->Reaches("169.254.0.1", 1));
  });
}

TEST_CASE("Nat: a floating address leads to its guest, until it does not, also in mid flow",
          "[host]") {
  InNewNamespace([] {
    auto network = WithNat(5, "192.168.20.5");
    network.floating = {{Ip("192.168.20.77"), Ip("10.1.0.10")}};
    NatHost host({network});
    host.egress.masquerade = false;
    host.Want();
    const auto guest = host.Guest(0, 10), neighbour = host.Guest(0, 11);
    const Station& outside = host.outside;
    outside.Run("ip route add 192.168.20.0/24 dev eth0");
    REQUIRE(outside.Reaches("192.168.20.77"));
    host.Beat();
    CHECK(neighbour->Reaches("192.168.20.77"));
    CHECK(guest->Reaches("192.168.20.77"));
    CHECK_THAT(outside.Run("ip neighbour show 192.168.20.77"), Contains("lladdr"));
    // Its own calls come from there, too.
    host.Beat();
    outside.Run("ip route del 192.168.20.0/24; ip route add 192.168.20.77/32 dev eth0");
    CHECK(guest->Reaches("10.99.0.2"));
    host.Beat();
    CHECK_FALSE(neighbour->Reaches("10.99.0.2", 1));

    const Process flow({"/usr/bin/nsenter", "-t", fmt::format("{}", outside.pid()), "-n",
                        "/bin/ping", "-q", "-i", "0.1", "192.168.20.77"});
    const auto answers = [&] {
      host.Beat();
      return outside.IcmpGoesOn(11);
    };
    REQUIRE(answers());
    host.networks[0].floating.clear();
    host.Want();
    CHECK(Eventually([&] { return !answers(); }, 3s));
    host.Beat();
    CHECK_FALSE(outside.Reaches("192.168.20.77", 1));
    CHECK_THAT(Shell("ip neighbour show proxy dev nic0"),
               !Contains("192.168.20.77") && Contains("192.168.20.5"));
    host.networks[0].floating = {{Ip("192.168.20.77"), Ip("10.1.0.11")}};
    host.Want();
    CHECK(Eventually([&] {
      host.Beat();
      return outside.Reaches("192.168.20.77", 1);
    }));
  });
}

TEST_CASE(
    "Nat: a routed address is had by a guest itself, until it is routed no more, also in mid flow",
    "[host]") {
  InNewNamespace([] {
    auto network = WithNat(5, "192.168.20.5");
    network.routed = {Ip("192.168.20.88")};
    NatHost host({network});
    host.egress.masquerade = false;
    host.Want();
    const auto guest = host.Guest(0, 10), neighbour = host.Guest(0, 11);
    const Station& outside = host.outside;
    outside.Run("ip route add 192.168.20.0/24 dev eth0");
    CHECK_FALSE(outside.Reaches("192.168.20.88", 1));  // Nobody has taken it yet.
    host.Beat();
    guest->Run("ip address add 192.168.20.88/32 dev eth0");
    REQUIRE(outside.Reaches("192.168.20.88"));
    host.Beat();
    CHECK(neighbour->Reaches("192.168.20.88"));
    CHECK_THAT(outside.Run("ip neighbour show 192.168.20.88"), Contains("lladdr"));
    // Nothing is translated, either way: nobody else could be answered now.
    host.Beat();
    outside.Run("ip route del 192.168.20.0/24; ip route add 192.168.20.88/32 dev eth0");
    CHECK(guest->Reaches("-I 192.168.20.88 10.99.0.2"));
    host.Beat();
    CHECK_FALSE(guest->Reaches("10.99.0.2", 1));

    const Process flow({"/usr/bin/nsenter", "-t", fmt::format("{}", guest->pid()), "-n",
                        "/bin/ping", "-q", "-i", "0.1", "-I", "192.168.20.88", "10.99.0.2"});
    const auto hears = [&] {
      host.Beat();
      return outside.IcmpGoesOn(2);
    };
    REQUIRE(hears());
    host.networks[0].routed.clear();
    host.Want();
    CHECK(Eventually([&] { return !hears(); }, 3s));
    host.Beat();
    CHECK_FALSE(outside.Reaches("192.168.20.88", 1));
    CHECK_THAT(Shell("ip neighbour show proxy dev nic0"),
               !Contains("192.168.20.88") && Contains("192.168.20.5"));
    host.networks[0].routed = {Ip("192.168.20.88"), Ip("192.168.20.89")};
    host.Want();
    CHECK(Eventually([&] {
      host.Beat();
      return outside.Reaches("192.168.20.88", 1);
    }));
  });
}

// Docker sets the policy of all that is forwarded to "drop", and has a chain for others: what
// stands in it must stay readable to iptables, or Docker itself could no longer work with its
// table.
TEST_CASE("Nat: where Docker drops what is forwarded, guests are let through", "[host]") {
  InNewNamespace([] {
    // What passes a bridge would have to pass the filter, too: see `sf-node check`.
    Shell("! cd /proc/sys/net/bridge || echo 0 > bridge-nf-call-iptables");
    Shell("iptables -P FORWARD DROP");
    CHECK(LetsWaysOutThrough().error().code == sf::Code::kConflict);
    Shell(
        "iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN; "
        "iptables -I FORWARD -j DOCKER-USER");
    CHECK(LetsWaysOutThrough());
    NatHost host({WithNat(5, "192.168.20.5")});
    CHECK(host.Guest(0, 10)->Reaches("10.99.0.2"));
    CHECK_THAT(Shell("iptables -S DOCKER-USER"),
               Contains("-i sf-out-+") && Contains("-o sf-out-+") && Contains("-j RETURN"));
    host.Beat(0s);
    CHECK(Eventually(
        [] { return Shell("iptables -S DOCKER-USER").find("sf-out") == std::string::npos; }));
  });
}

TEST_CASE("Nat: killed, it leaves nothing that has an effect, and the next one cleans up",
          "[host]") {
  InNewNamespace([] {
    NatHost host({WithNat(5, "192.168.20.5"), WithNat(6, "192.168.20.6")});
    host.outside.Run("ip route add 192.168.20.0/24 dev eth0");
    REQUIRE(host.outside.Reaches("192.168.20.5"));
    CHECK_THAT(Shell("nft list tables"), Contains("shakenfist_7e57c0de"));
    host.Kill();
    CHECK(Eventually([] { return Shell("ip route").find("192.168.20") == std::string::npos; }));
    CHECK(Shell("nft list tables").empty());
    host.outside.Run("ip neighbour flush all");
    CHECK_FALSE(host.outside.Reaches("192.168.20.5", 1));
    CHECK_THAT(host.outside.Run("ip neighbour"), !Contains("lladdr"));

    host.networks.pop_back();
    host.Want();
    host.Start();
    CHECK(host.outside.Reaches("192.168.20.5"));
    CHECK(Eventually(
        [] { return Shell("ip neighbour show proxy").find("192.168.20.6") == std::string::npos; }));
    host.Kill();
    Netlink netlink = Netlink::Open().value();
    CHECK(Egress(netlink).Clear(kCluster, host.egress));
    CHECK(Shell("ip neighbour show proxy").empty());
  });
}

TEST_CASE("Nat: a new holder tells the outside where floating addresses are now", "[host]") {
  InNewNamespace([] {
    NatHost host({WithNat(5, "192.168.20.5")});
    host.Kill();
    // It asks for nothing: so what changes its mind is what it is told.
    host.outside.Run(
        "ip route add 192.168.20.0/24 dev eth0; "
        "ip neighbour replace 192.168.20.5 lladdr 02:00:00:00:00:99 dev eth0 nud stale");
    host.Start();
    CHECK(Eventually([&] {
      return host.outside.Run("ip neighbour show 192.168.20.5").find("02:00:00:00:00:99") ==
             std::string::npos;
    }));
  });
}

TEST_CASE("Nat: ping asks from inside, and notices when the network is another by now", "[host]") {
  InNewNamespace([] {
    NatHost host({WithNat(5, "192.168.20.5")});
    const auto guest = host.Guest(0, 10);
    const sf::NetworkId network = host.networks[0].uuid;
    const int name_space = host.Status().networks.at(network).name_space;
    const auto inside = OpenServed(host.pid(), name_space, kCluster, network);
    REQUIRE(inside);
    const auto said = Ping(*inside, Ip("10.1.0.10"));
    REQUIRE(said);
    CHECK(said->front() == "PING 10.1.0.10 (10.1.0.10) 56(84) bytes of data.");
    CHECK_THAT(said->at(1), Catch::StartsWith("64 bytes from 10.1.0.10: icmp_seq="));
    CHECK_THAT(said->at(said->size() - 2),
               Catch::StartsWith("10 packets transmitted, 10 received"));
    host.Beat();
    CHECK_THAT(Ping(*inside, Ip("10.1.0.99")).value().back(),
               Contains("0 received, 100% packet loss"));
    for (const int other : {0, name_space + 100}) {
      CHECK(OpenServed(host.pid(), other, kCluster, network).error().code == sf::Code::kNotReady);
    }
  });
}

TEST_CASE("Nat: what is the host's own network is not translated once more", "[host]") {
  InNewNamespace([] {
    Shell("ip link add nic0 type bridge; ip address add 10.99.0.1/24 dev nic0");
    Netlink netlink = Netlink::Open().value();
    const auto masquerades = [&](const char* floating) {
      return DescribeEgress(netlink, "nic0", Netblock::Parse(floating).value()).value().masquerade;
    };
    CHECK(masquerades("192.168.20.0/24"));
    CHECK(masquerades("10.0.0.0/8"));
    CHECK_FALSE(masquerades("10.99.0.0/24"));
    CHECK_FALSE(masquerades("10.99.0.128/25"));
    CHECK(DescribeEgress(netlink, "none", {}).error().code == sf::Code::kNotFound);
  });
}
