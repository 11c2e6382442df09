// SPDX-License-Identifier: Apache-2.0
#include "node/api/addresses.h"

#include <catch2/catch.hpp>

namespace sf::api {
namespace {

using nlohmann::json;

Network Front() {
  Network network;
  network.uuid = NetworkId("front");
  network.netblock = Netblock::Parse("10.0.0.0/24").value();
  network.floating_gateway = "192.0.2.2";
  network.routed = {"192.0.2.3"};
  return network;
}

Interface Nic(const char* ipv4, const char* floating) {
  Interface interface;
  interface.uuid = InterfaceId("nic");
  interface.network = NetworkId("front");
  interface.instance = InstanceId("web1");
  interface.ipv4 = ipv4;
  interface.floating = floating;
  return interface;
}

/// "ADDRESS TYPE USER" of each.
std::vector<std::string> Lines(const json& list) {
  std::vector<std::string> lines;
  for (const json& entry : list) {
    CHECK(entry.size() == 4);
    CHECK_FALSE(entry["comment"].get<std::string>().empty());
    lines.push_back(fmt::format("{} {} {}", entry["address"].get<std::string>(),
                                entry["type"].get<std::string>(),
                                entry["user"][1].get<std::string>()));
  }
  return lines;
}

}  // namespace

TEST_CASE("Addresses: of a network, and of the outside those that lead to it") {
  CHECK(Lines(AddressesOf(Front(), {Front()}, {Nic("10.0.0.9", "192.0.2.4"), Nic("", "")})) ==
        std::vector<std::string>{"10.0.0.0 network front", "10.0.0.1 gateway front",
                                 "10.0.0.255 broadcast front", "10.0.0.9 instance web1",
                                 "192.0.2.2 floating front", "192.0.2.3 routed front",
                                 "192.0.2.4 floating web1"});
}

TEST_CASE("Addresses: of the built-in network, those that all others have of it") {
  Network floating;
  floating.uuid = kFloatingNetwork;
  floating.netblock = Netblock::Parse("192.0.2.0/24").value();
  const auto list = AddressesOf(floating, {floating, Front()}, {Nic("10.0.0.9", "192.0.2.4")});
  CHECK(Lines(list) == std::vector<std::string>{"192.0.2.0 network " + kFloatingNetwork.value,
                                                "192.0.2.1 gateway " + kFloatingNetwork.value,
                                                "192.0.2.255 broadcast " + kFloatingNetwork.value,
                                                "192.0.2.2 floating front",
                                                "192.0.2.3 routed front",
                                                "192.0.2.4 floating web1"});
}

TEST_CASE("Addresses: a deleted network has none") {
  Network gone = Front();
  gone.state = NetworkState::kDeleted;
  CHECK(AddressesOf(gone, {gone}, {}).empty());
}

}  // namespace sf::api
