// SPDX-License-Identifier: Apache-2.0
// With real taps and rules, in network namespaces that the cases make for themselves. A case is
// the guest: it opens the tap as QEMU does, and says what guests should not say.
#include "net/guest_nics.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <vector>

#include "frames.h"
#include "node/base/file_descriptor.h"
#include "services_bed.h"

namespace {

using namespace sf::net;
using namespace frames;
using namespace services_bed;
using sf::FileDescriptor;
using sf::InstanceId;
using sf::InterfaceId;
using sf::IpAddress;

constexpr sf::net::Vni kVni = 5;
constexpr char kTable[] = "netdev shakenfist_7e57c0de";

IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }

GuestNic Nic(int number, std::set<IpAddress> addresses) {
  return {.interface = InterfaceId(fmt::format("{:08x}-1111-4000-8000-000000000000", number)),
          .instance = InstanceId(fmt::format("{:08x}-2222-4000-8000-000000000000", number)),
          .vni = kVni,
          .mtu = 1450,
          .mac = GuestMac(number),
          .addresses = std::move(addresses)};
}

/// The guest's end of a NIC.
class Wire {
 public:
  explicit Wire(const GuestNic& nic) : device_(::open("/dev/net/tun", O_RDWR | O_CLOEXEC)) {
    ifreq request = {};
    const std::string name = TapName(nic.interface);
    std::copy(name.begin(), name.end(), request.ifr_name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    REQUIRE(::ioctl(device_.get(), TUNSETIFF, &request) == 0);
    REQUIRE(::fcntl(device_.get(), F_SETFL, O_NONBLOCK) == 0);
  }
  void Send(const std::string& frame) {
    // Also when the link is down, in which case it is lost.
    (void)!::write(device_.get(), frame.data(), frame.size());
  }
  /// The next frame; empty after `limit` without one.
  std::string Receive(int limit_ms) {
    pollfd waiting = {device_.get(), POLLIN, 0};
    std::array<char, 2048> buffer;
    if (::poll(&waiting, 1, limit_ms) <= 0) return {};
    const ssize_t size = ::read(device_.get(), buffer.data(), buffer.size());
    return size < 0 ? "" : std::string(buffer.data(), static_cast<std::size_t>(size));
  }

 private:
  FileDescriptor device_;
};

struct Case {
  const char* what;
  std::string frame;
};

std::string ArpFrame(const std::string& source, int operation, const std::string& sender,
                     const char* address, const char* about) {
  return Frame(source, 0x0806, Arp(operation, sender, address, about));
}

std::string UdpFrame(const std::string& mac, const char* from, const char* to, int source, int port,
                     const std::string& payload = "hello") {
  return Frame(mac, 0x0800, Ipv4(from, to, Udp(source, port, payload)));
}

std::string Ipv6Frame(const std::string& mac, int source, int next, const std::string& payload) {
  return Frame(mac, 0x86dd, Ipv6(source, next, payload));
}

/// What a guest with this MAC address, 10.1.0.10 and 192.168.20.7 may say.
std::vector<Case> Honest(const std::string& mac) {
  return {
      {"ARP of its own", ArpFrame(mac, 1, mac, "10.1.0.10", "10.1.0.1")},
      {"ARP that announces what is routed", ArpFrame(mac, 2, mac, "192.168.20.7", "192.168.20.7")},
      {"ARP that asks whether its own is free", ArpFrame(mac, 1, mac, "0.0.0.0", "10.1.0.10")},
      {"IPv4 of its own", UdpFrame(mac, "10.1.0.10", "10.1.0.99", 4000, 4000)},
      {"IPv4 of what is routed", UdpFrame(mac, "192.168.20.7", "10.1.0.99", 4000, 4000)},
      {"a renewal of its lease", UdpFrame(mac, "10.1.0.10", "10.1.0.1", 68, 67, Bootp(mac))},
      {"IPv6 among neighbours", Ipv6Frame(mac, 7, 17, Udp(4000, 4000, "hello"))},
      {"IPv6 that asks whether an address is free", Ipv6Frame(mac, 0, 58, Icmp6(135))},
  };
}

/// And what it may not, to the harm of `other`.
std::vector<Case> Pretended(const std::string& mac, const std::string& other) {
  return {
      {"another MAC address", ArpFrame(other, 1, other, "10.1.0.10", "10.1.0.1")},
      {"another one within ARP", ArpFrame(mac, 2, other, "10.1.0.10", "10.1.0.99")},
      {"ARP as the router", ArpFrame(mac, 2, mac, "10.1.0.1", "10.1.0.99")},
      {"ARP as another guest", ArpFrame(mac, 2, mac, "10.1.0.99", "10.1.0.1")},
      {"ARP that claims the router's unasked", ArpFrame(mac, 1, mac, "10.1.0.1", "10.1.0.1")},
      {"ARP that contests another's address", ArpFrame(mac, 1, mac, "0.0.0.0", "10.1.0.1")},
      {"IPv4 as the router", UdpFrame(mac, "10.1.0.1", "10.1.0.99", 4000, 4000)},
      {"IPv4 as another guest", UdpFrame(mac, "10.1.0.99", "10.1.0.1", 4000, 4000)},
      {"IPv4 as somebody outside", UdpFrame(mac, "192.0.2.1", "10.1.0.99", 4000, 4000)},
      {"IPv4 as nobody", UdpFrame(mac, "0.0.0.0", "10.1.0.99", 4000, 4000)},
      {"DHCP's answer", UdpFrame(mac, "10.1.0.10", "255.255.255.255", 67, 68, Bootp(other))},
      {"DHCP's answer from another port", UdpFrame(mac, "10.1.0.10", "10.1.0.99", 4000, 68)},
      {"a lease that another one gives back",
       UdpFrame(mac, "10.1.0.10", "10.1.0.1", 68, 67, Bootp(other))},
      {"DHCP for another", UdpFrame(mac, "0.0.0.0", "255.255.255.255", 68, 67, Bootp(other))},
      {"an IPv6 router", Ipv6Frame(mac, 7, 58, Icmp6(134))},
      {"an IPv6 router behind a header",
       Ipv6Frame(mac, 7, 0, Bytes({58, 0, 1, 4, 0, 0, 0, 0}) + Icmp6(134))},
      {"an IPv6 router in a fragment",
       Ipv6Frame(mac, 7, 44, Bytes({58, 0, 0, 0, 0, 0, 0, 1}) + Icmp6(134))},
      {"an IPv6 redirect", Ipv6Frame(mac, 7, 58, Icmp6(137))},
      {"DHCPv6's answer", Ipv6Frame(mac, 7, 17, Udp(547, 546, "hello"))},
      {"IPv6 as nobody", Ipv6Frame(mac, 0, 17, Udp(4000, 4000, "hello"))},
      {"a tagged frame",
       Frame(mac, 0x8100, Short(7) + Short(0x0806) + Arp(1, mac, "10.1.0.10", "10.1.0.1"))},
      {"a tag that stands for none, and the router behind it",
       Frame(mac, 0x8100, Short(0) + Short(0x0806) + Arp(2, mac, "10.1.0.1", "10.1.0.99"))},
      {"a notice of nodes", Frame(mac, 0x88b5, std::string(48, 'x'))},
      {"what bridges tell each other", Frame(mac, 38, std::string(38, 'x'))},
  };
}

/// A guest, and one beside it that hears what it says.
class Pair {
 public:
  explicit Pair(const GuestNic& guest) : mac_(guest.mac) {
    REQUIRE(nics_.Make(std::array<GuestNic, 2>{guest, listener_}));
    guest_.emplace_back(guest);
    ears_.emplace_back(listener_);
    REQUIRE(Eventually([&] { return Hears(Marker()); }, std::chrono::seconds(10)));
  }

  GuestNics& nics() { return nics_; }
  const GuestNic& listener() const { return listener_; }

  /// Whether what the guest says reaches the other. A frame that surely does comes after it, so
  /// that nobody has to wait for what does not come.
  bool Reaches(const std::string& frame) {
    guest_[0].Send(frame);
    const std::string marker = Marker();
    guest_[0].Send(marker);
    bool reached = false;
    for (;;) {
      const std::string heard = ears_[0].Receive(2000);
      REQUIRE_FALSE(heard.empty());
      if (heard == marker) return reached;
      reached = reached || heard == frame;
    }
  }

 private:
  /// Something that any guest may say, and no two times the same.
  std::string Marker() {
    std::string said = Bootp(mac_);
    said.replace(4, 4, fmt::format("{:04}", ++marks_));
    return Frame(mac_, 0x0800, Ipv4("0.0.0.0", "255.255.255.255", Udp(68, 67, said)));
  }
  bool Hears(const std::string& marker) {
    guest_[0].Send(marker);
    for (std::string heard; !(heard = ears_[0].Receive(50)).empty();) {
      if (heard == marker) return true;
    }
    return false;
  }

  const std::string mac_;
  const sf::Templates templates_ = sf::Templates::Load({}).value();
  GuestNics nics_{kCluster, templates_};
  const GuestNic listener_ = Nic(99, {Ip("10.1.0.99")});
  std::vector<Wire> guest_, ears_;
  int marks_ = 0;
};

void InNewMesh(const std::function<void()>& body) {
  InNewNamespace([&] {
    WantedNetwork network = Network(kVni, 0);
    MakeBridge(network);
    body();
  });
}

std::string Listed() { return Nftables::Open().value().Run("list ruleset").value(); }

}  // namespace

TEST_CASE("GuestNics: a guest speaks as itself, and as nobody else", "[host]") {
  InNewMesh([] {
    const GuestNic guest = Nic(1, {Ip("10.1.0.10"), Ip("192.168.20.7")});
    Pair pair(guest);
    for (const Case& each : Honest(guest.mac)) {
      CAPTURE(each.what);
      CHECK(pair.Reaches(each.frame));
    }
    for (const Case& each : Pretended(guest.mac, GuestMac(2))) {
      CAPTURE(each.what);
      CHECK_FALSE(pair.Reaches(each.frame));
    }
  });
}

TEST_CASE("GuestNics: a guest without an address asks for one, and has none", "[host]") {
  InNewMesh([] {
    GuestNic guest = Nic(1, {});
    Pair pair(guest);
    const auto arp = [&](const char* as) {
      return Frame(guest.mac, 0x0806, Arp(2, guest.mac, as, "10.1.0.99"));
    };
    CHECK_FALSE(pair.Reaches(arp("10.1.0.1")));
    CHECK_FALSE(pair.Reaches(arp("10.1.0.10")));
    CHECK_FALSE(
        pair.Reaches(Frame(guest.mac, 0x0800, Ipv4("10.1.0.1", "10.1.0.99", Udp(1, 2, "")))));
    CHECK_FALSE(pair.Reaches(arp("192.168.20.7")));
    // Its network is given an address from outside, and later another instead.
    guest.addresses = {Ip("192.168.20.7")};
    REQUIRE(pair.nics().Make({&guest, 1}));
    CHECK(pair.Reaches(arp("192.168.20.7")));
    guest.addresses = {Ip("192.168.20.8")};
    REQUIRE(pair.nics().Make({&guest, 1}));
    CHECK_FALSE(pair.Reaches(arp("192.168.20.7")));
    CHECK(pair.Reaches(arp("192.168.20.8")));
    CHECK_FALSE(pair.Reaches(arp("10.1.0.1")));
  });
}

TEST_CASE("GuestNics: what is right is left alone, what somebody removed is put back", "[host]") {
  InNewMesh([] {
    const GuestNic guest = Nic(1, {Ip("10.1.0.10")});
    Pair pair(guest);
    const std::array<GuestNic, 2> all = {guest, pair.listener()};
    const std::string before = Listed();
    const auto keep = [&] { return pair.nics().Keep(all, pair.nics().Read().value()); };
    REQUIRE(keep());
    CHECK(Listed() == before);

    const std::string forged = Frame(guest.mac, 0x0806, Arp(2, guest.mac, "10.1.0.1", "10.1.0.99"));
    REQUIRE(Nftables::Open().value().Run(fmt::format("delete table {}", kTable)));
    CHECK(pair.Reaches(forged));
    REQUIRE(keep());
    CHECK_FALSE(pair.Reaches(forged));

    REQUIRE(Nftables::Open().value().Run(fmt::format("flush chain {0} {1}\ndelete chain {0} {1}",
                                                     kTable, TapName(guest.interface))));
    REQUIRE(keep());
    CHECK_FALSE(pair.Reaches(forged));

    Netlink netlink = Netlink::Open().value();
    const int tap = netlink.FindLink(TapName(guest.interface)).value().index;
    REQUIRE(netlink.Do(SetLink{.index = tap, .master = 0, .up = false}));
    REQUIRE(keep());
    const Link mended = netlink.FindLink(TapName(guest.interface)).value();
    CHECK((mended.up && mended.master == netlink.FindLink(BridgeName(kVni)).value().index));
  });
}

TEST_CASE("GuestNics: what nobody wants goes, and with the last of it the table", "[host]") {
  InNewMesh([] {
    const sf::Templates templates = sf::Templates::Load({}).value();
    GuestNics nics(kCluster, templates);
    const std::array<GuestNic, 3> all = {Nic(1, {}), Nic(2, {}), Nic(3, {})};
    const auto before = nics.Read().value();
    REQUIRE(nics.Make(all));
    // Made since, so they are nothing that could be known.
    REQUIRE(nics.Keep({}, before));
    CHECK(nics.Read().value().taps.size() == 3);

    REQUIRE(nics.Remove(all[0].instance));
    REQUIRE(nics.Remove(all[0].instance));
    CHECK(nics.Read().value().taps.size() == 2);
    CHECK(nics.Read().value().chains.size() == 2);
    REQUIRE(nics.Keep({&all[1], 1}, nics.Read().value()));
    CHECK(nics.Read().value().taps.size() == 1);
    CHECK(nics.Read().value().chains == std::set{TapName(all[1].interface)});

    // A tap that went without us leaves nothing, either.
    Netlink netlink = Netlink::Open().value();
    REQUIRE(netlink.Do(RemoveLink{netlink.FindLink(TapName(all[1].interface)).value().index}));
    REQUIRE(nics.Keep({}, nics.Read().value()));
    CHECK(Listed().empty());
  });
}

TEST_CASE("GuestNics: a stranger's link, and another cluster's table, are left alone", "[host]") {
  InNewMesh([] {
    const sf::Templates templates = sf::Templates::Load({}).value();
    GuestNics nics(kCluster, templates);
    const GuestNic nic = Nic(1, {});
    Netlink netlink = Netlink::Open().value();
    REQUIRE(netlink.Do(AddVeth{.name = TapName(nic.interface), .peer_name = "far", .mtu = 1500}));
    REQUIRE(Nftables::Open().value().Run("add table netdev shakenfist_00000000"));
    const auto made = nics.Make({&nic, 1});
    REQUIRE_FALSE(made);
    CHECK(made.error().code == sf::Code::kConflict);
    REQUIRE(nics.Remove(nic.instance));
    REQUIRE(nics.Keep({}, nics.Read().value()));
    CHECK(netlink.FindLink(TapName(nic.interface)));
    CHECK(Listed().find("shakenfist_00000000") != std::string::npos);
    CHECK(nics.Make(std::array<GuestNic, 1>{GuestNic{.vni = 6}}).error().code ==
          sf::Code::kNotReady);
  });
}

TEST_CASE("GuestNics: two hundred are made at once, and are soon compared", "[host]") {
  InNewMesh([] {
    const sf::Templates templates = sf::Templates::Load({}).value();
    GuestNics nics(kCluster, templates);
    std::vector<GuestNic> all;
    for (int i = 0; i < 200; ++i) all.push_back(Nic(i, {Network(kVni, 0).netblock.At(i + 20)}));
    const auto time = [](const std::function<sf::Result<void>()>& work) {
      const auto begun = std::chrono::steady_clock::now();
      REQUIRE(work());
      return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begun)
          .count();
    };
    const double made = time([&] { return nics.Make(all); });
    const double one = time([&] { return nics.Make({&all[7], 1}); });
    const double kept = time([&] { return nics.Keep(all, nics.Read().value()); });
    const double gone = time([&] { return nics.Keep({}, nics.Read().value()); });
    WARN(
        fmt::format("200 NICs: made in {:.0f} ms, one compared in {:.1f} ms, all in {:.0f} ms, "
                    "removed in {:.0f} ms",
                    made, one, kept, gone));
    CHECK(made < 10'000);
    CHECK(kept < 2'000);
  });
}
