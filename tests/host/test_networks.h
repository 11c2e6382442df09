// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "tests/host/test_store.h"

namespace sf::test {

/// A store in which networks can be made, and instances in them.
struct NetworkTestStore : TestStore {
  explicit NetworkTestStore(const char* floating = "192.168.20.0/24") {
    REQUIRE(networks.EnsureFloating(Netblock::Parse(floating).value()));
  }

  /// Not stored yet: `front`, with DHCP and without NAT.
  Network WantedNetwork(const char* netblock = "10.0.0.0/24") const {
    Network wanted;
    wanted.uuid = NetworkId(MakeUuid());
    wanted.name = "front";
    wanted.name_space = web;
    wanted.netblock = Netblock::Parse(netblock).value();
    wanted.provide_dhcp = true;
    return wanted;
  }
  NetworkId MakeNetwork(const char* netblock = "10.0.0.0/24") {
    const auto made = networks.Create(WantedNetwork(netblock));
    INFO((made ? "" : made.error().message));
    REQUIRE(made);
    return made->uuid;
  }

  /// With NAT, but no address of its own among the floating ones: these are counted.
  NetworkId MakeNatNetwork(const char* netblock = "10.0.0.0/24") {
    const NetworkId made = MakeNetwork(netblock);
    REQUIRE(database.Execute("UPDATE networks SET provide_nat = 1 WHERE uuid = ?", made));
    return made;
  }

  static InterfaceSpec In(const NetworkId& network, std::string address = "") {
    InterfaceSpec spec;
    spec.network = network;
    spec.address = std::move(address);
    return spec;
  }
  Result<Instance> Create(std::vector<InterfaceSpec> specs) {
    Instance wanted = Wanted();
    wanted.spec.interfaces = std::move(specs);
    return Record(wanted);
  }
  Result<Instance> CreateIn(const std::vector<NetworkId>& in) {
    std::vector<InterfaceSpec> specs;
    for (const NetworkId& network : in) specs.push_back(In(network));
    return Create(std::move(specs));
  }
  InstanceId MakeIn(const std::vector<NetworkId>& in) {
    const auto made = CreateIn(in);
    INFO((made ? "" : made.error().message));
    REQUIRE(made);
    return made->uuid;
  }
  void Delete(const InstanceId& id) {
    REQUIRE(instances.RequestDelete(id));
    REQUIRE(instances.Deleted(id));
  }
  /// When all networks and instances are deleted.
  void CheckNothingLeft() {
    CHECK(Count("SELECT COUNT(*) FROM addresses") == 0);
    CHECK(Count("SELECT COUNT(*) FROM interfaces WHERE live = 1 OR floating <> ''") == 0);
    CHECK(Count("SELECT COUNT(*) FROM ports") == 0);
  }
};

}  // namespace sf::test
