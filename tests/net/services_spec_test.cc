// SPDX-License-Identifier: Apache-2.0
#include "net/services_spec.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace {

using namespace sf::net;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using nlohmann::json;
using sf::IpAddress;

IpAddress Ip(const char* text) { return IpAddress::Parse(text).value(); }

WantedNetwork Full() {
  return {.uuid = sf::NetworkId("00000000-0000-4000-8000-000000000005"),
          .vni = 5,
          .netblock = sf::Netblock::Parse("10.1.0.0/24").value(),
          .gateway = Ip("10.1.0.1"),
          .mtu = 1450,
          .dhcp = true,
          .hosts = {{"02:00:00:00:00:01", Ip("10.1.0.10"), "one"},
                    {"02:00:00:00:00:02", Ip("10.1.0.11"), ""}},
          .dns = true,
          .dns_servers = {Ip("192.0.2.1"), Ip("192.0.2.2")},
          .domain = "example.com",
          .floating_gateway = Ip("192.168.20.5"),
          .floating = {{Ip("192.168.20.6"), Ip("10.1.0.10")}},
          .routed = {Ip("192.168.20.7"), Ip("192.168.20.8")}};
}

std::string Conf(const WantedNetwork& network) {
  return DnsmasqConf(network, "/x/hosts", "/x/names", sf::Templates::Load({}).value()).value();
}

/// The error of a network with one member set to `value`.
std::string ErrorWith(const char* pointer, const json& value) {
  json network = json::parse(ToJson(Full()));
  network[json::json_pointer(pointer)] = value;
  const auto parsed = ParseWantedNetwork(network.dump());
  return parsed ? "" : parsed.error().message;
}

}  // namespace

TEST_CASE("Services: what is written is what is read") {
  CHECK(ParseWantedNetwork(ToJson(Full())).value() == Full());
  WantedNetwork plain = Full();
  plain.floating_gateway.reset();
  plain.hosts.clear();
  CHECK(ParseWantedNetwork(ToJson(plain)).value() == plain);
  const WantedServices services{
      .cluster_id = "a cluster",
      .term = 7,
      .term_key = MakeTermKey("a secret"),
      .egress = {.nic = "eth0",
                 .floating = sf::Netblock::Parse("192.168.20.0/24").value(),
                 .router = true,
                 .masquerade = true},
      .networks = {Full().uuid}};
  CHECK(ParseWantedServices(ToJson(services)).value() == services);
  const ServicesStatus status{.term = 7,
                              .serving = true,
                              .networks = {{Full().uuid, {5s, 12, 2, 9}}},
                              .errors = {{Full().uuid, "no \"bridge\""}}};
  CHECK(ParseServicesStatus(ToJson(status)).value() == status);
}

TEST_CASE("Services: a network that is not whole and right is an error that says why") {
  CHECK_THAT(ErrorWith("/vni", 0), Contains("VNI"));
  CHECK_THAT(ErrorWith("/vni", 1 << 24), Contains("VNI"));
  CHECK_THAT(ErrorWith("/vni", -1), Contains("vni is of the wrong kind"));
  CHECK_THAT(ErrorWith("/vni", 1ULL << 40), Contains("vni is of the wrong kind"));
  CHECK_THAT(ErrorWith("/dhcp", 1), Contains("dhcp is of the wrong kind"));
  CHECK_THAT(ErrorWith("/mtu", 100), Contains("MTU"));
  CHECK_THAT(ErrorWith("/uuid", "../../etc/passwd"), Contains("UUID"));
  CHECK_THAT(ErrorWith("/gateway", "10.2.0.1"), Contains("gateway"));
  CHECK_THAT(ErrorWith("/domain", "a.b\nport=1"), Contains("domain"));
  CHECK_THAT(ErrorWith("/hosts/0/mac", "02:00:00:00:00:0g"), Contains("MAC"));
  CHECK_THAT(ErrorWith("/hosts/0/mac", "02:00:00:00:00:02"), Contains("twice"));
  CHECK_THAT(ErrorWith("/hosts/0/address", "10.1.0.11"), Contains("twice"));
  CHECK_THAT(ErrorWith("/hosts/0/address", "10.1.0.1"), Contains("twice"));
  CHECK_THAT(ErrorWith("/hosts/0/address", "10.2.0.1"), Contains("not in 10.1.0.0/24"));
  CHECK_THAT(ErrorWith("/hosts/0/name", "a,b"), Contains("label"));
  CHECK_THAT(ErrorWith("/floating/0", json::object()), Contains("no outside"));
  CHECK_THAT(ParseWantedNetwork("{").error().message, Contains("not JSON"));
  CHECK_THAT(ParseWantedNetwork("{}").error().message, Contains("no uuid"));
}

// While a node is upgraded, its daemon and sf-services are of two releases for a moment; and a
// daemon that starts while the database is away has files served that the one before it wrote.
TEST_CASE("Services: what a newer release adds is passed over, what an older one lacks is empty") {
  json newer = json::parse(ToJson(Full()));
  newer["more"] = {{"of", "it"}};
  newer["hosts"][0]["more"] = 1;
  newer["floating"][0]["more"] = 1;
  CHECK(ParseWantedNetwork(newer.dump()).value() == Full());

  json older = json::parse(ToJson(Full()));
  for (const char* name :
       {"dns", "dns_servers", "domain", "floating_gateway", "floating", "routed"}) {
    older.erase(name);
  }
  WantedNetwork without = Full();
  without.dns = false;
  without.dns_servers.clear();
  without.domain.clear();
  without.floating_gateway.reset();
  without.floating.clear();
  without.routed.clear();
  CHECK(ParseWantedNetwork(older.dump()).value() == without);

  CHECK(ParseHeartbeat(R"({"term": 3, "deadline": 5, "more": 1})", 5ns).value() ==
        Heartbeat{3, 5ns});
  const auto status = ParseServicesStatus(
      R"({"term": 7, "serving": true, "errors": {}, "more": 1, "networks":
          {"00000000-0000-4000-8000-000000000005":
           {"since": 1, "dnsmasq": 2, "starts": 1, "more": 1}}})");
  REQUIRE(status);
  CHECK(status->networks.at(Full().uuid).name_space == -1);
}

TEST_CASE("Services: a heartbeat of a boot before this one is none") {
  const Heartbeat heartbeat{3, 100s};
  CHECK(ParseHeartbeat(ToJson(heartbeat), 97s).value() == heartbeat);
  CHECK(ParseHeartbeat(ToJson(heartbeat), 200s).value() ==
        heartbeat);  // It has passed, that is all.
  CHECK(ParseHeartbeat(ToJson(heartbeat), 95s).error().code == sf::Code::kInvalid);
}

TEST_CASE("Services: dnsmasq gives what the network provides, and nothing else") {
  const std::string all = Conf(Full());
  CHECK_THAT(all, Contains("\ndhcp-range=10.1.0.0,static,255.255.255.0,3600\n") &&
                      Contains("\ndhcp-hostsfile=/x/hosts\n") &&
                      Contains("\ndhcp-option=option:router,10.1.0.1\n") &&
                      Contains("\ndhcp-option=option:mtu,1450\n") &&
                      Contains("\nserver=192.0.2.1\nserver=192.0.2.2\n") &&
                      Contains("\ndomain=example.com\n") && Contains("\nport=53\n"));
  WantedNetwork network = Full();
  network.dns = false;
  network.domain.clear();
  const std::string dhcp = Conf(network);
  CHECK_THAT(dhcp, Contains("\ndhcp-option=option:dns-server,192.0.2.1,192.0.2.2\n") &&
                       Contains("\nport=0\n") && !Contains("server=192") && !Contains("domain="));
  network.dhcp = false;
  network.dns_servers.clear();
  CHECK_THAT(Conf(network), !Contains("dhcp-range") && !Contains("dns-server"));
  CHECK(CheckDnsmasqTemplate(sf::Templates::Load({}).value()));
  CHECK(DnsmasqHosts(Full()) == "02:00:00:00:00:01,10.1.0.10,one\n02:00:00:00:00:02,10.1.0.11\n");
  CHECK(DnsmasqNames(Full()) == "10.1.0.10 one\n");
}

TEST_CASE("Services status: one of an older release, without namespaces, reads back as it was") {
  ServicesStatus status;
  status.networks[sf::NetworkId("5f0f1f6e-7a1b-4c57-8d5e-0123456789ab")] = {.since = BootTime(5)};
  CHECK(ParseServicesStatus(ToJson(status)).value() == status);
}
