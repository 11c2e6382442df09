// SPDX-License-Identifier: Apache-2.0
#include "node/store/network_store.h"

#include <catch2/catch.hpp>
#include <set>

#include "tests/host/test_networks.h"

namespace {

using namespace sf;
using namespace sf::test;
using Catch::Matchers::Contains;

TEST_CASE("NetworkStore: what was asked for comes back whole", "[host]") {
  NetworkTestStore store;
  Network wanted = store.WantedNetwork("10.0.0.0/24");
  wanted.name = "front \"<x>\" \U0001F600";
  wanted.provide_dns = true;
  wanted.provide_nat = true;
  const auto made = store.networks.Create(wanted);
  REQUIRE(made);
  const Network read = store.networks.Find(wanted.uuid).value();
  CHECK(read.name == wanted.name);
  CHECK(read.name_space == store.web);
  CHECK(read.netblock == wanted.netblock);
  CHECK(read.provide_dhcp);
  CHECK(read.provide_nat);
  CHECK(read.provide_dns);
  CHECK(read.state == NetworkState::kCreated);
  CHECK(read.vni == made->vni);
  CHECK(read.version == made->version);
  CHECK(read.floating_gateway == "192.168.20.2");
  CHECK(store.events.List("network", wanted.uuid.value, "", 9)->size() == 1);
}

TEST_CASE("NetworkStore: a VNI that somebody has is drawn again", "[host]") {
  NetworkTestStore store;
  // Each draw but the last finds the first network's.
  int draws = 0;
  store::NetworkStore drawn(store.database, store.events,
                            [&draws] { return ++draws < 5 ? 7U : 8U; });
  CHECK(drawn.Create(store.WantedNetwork())->vni == 7);
  CHECK(drawn.Create(store.WantedNetwork())->vni == 8);
  CHECK(draws == 5);
}

TEST_CASE("NetworkStore: networks that draw one VNI at the same moment get two", "[host]") {
  NetworkTestStore store;
  std::atomic<std::uint32_t> draws = 0;
  store::NetworkStore drawn(store.database, store.events, [&draws] { return 1 + draws++ / 2; });
  const auto made = Race(8, [&](int) { return drawn.Create(store.WantedNetwork()); });
  std::set<std::uint32_t> vnis;
  for (const auto& network : made) {
    INFO((network ? "" : network.error().message));
    REQUIRE(network);
    vnis.insert(network->vni);
  }
  CHECK(vnis.size() == 8);
}

TEST_CASE("NetworkStore: random VNIs are of 24 bits and not 0", "[host]") {
  for (int i = 0; i < 1000; ++i) {
    const std::uint32_t vni = store::NetworkStore::RandomVni();
    CHECK((vni > 0 && vni < 1U << 24));
  }
}

TEST_CASE("NetworkStore: floating gateways are unique, and back when their network is deleted",
          "[host]") {
  NetworkTestStore store("192.168.20.0/29");
  const auto create = [&] {
    Network wanted = store.WantedNetwork();
    wanted.provide_nat = true;
    return store.networks.Create(wanted);
  };
  const auto made = Race(8, [&](int) { return create(); });
  CHECK(Succeeded(made) == 5);
  std::set<std::string> gateways;
  for (const auto& network : made) {
    if (network) {
      gateways.insert(network->floating_gateway);
    } else {
      CHECK(network.error().code == Code::kNoCapacity);
      CHECK_THAT(network.error().message, Contains("all floating addresses are taken"));
    }
  }
  CHECK(gateways.size() == 5);
  CHECK(store.Count("SELECT COUNT(*) FROM networks WHERE vni <> 0") == 5);
  const auto freed = std::find_if(made.begin(), made.end(), [](const auto& n) { return n; });
  REQUIRE(store.networks.Delete((*freed)->uuid, true));
  CHECK(create()->floating_gateway == (*freed)->floating_gateway);
}

TEST_CASE("NetworkStore: addresses are routed to one network, and back when it is deleted",
          "[host]") {
  NetworkTestStore store("192.168.20.0/29");
  const NetworkId front = store.MakeNatNetwork(), back = store.MakeNatNetwork();
  const auto routed = [&](const NetworkId& id) { return store.networks.Find(id)->routed; };
  const auto unroute = [&](const NetworkId& id, const char* address) {
    return store.networks.Unroute(id, IpAddress::Parse(address).value());
  };
  CHECK(store.networks.Route(front).value() == "192.168.20.2");
  CHECK(store.networks.Route(front).value() == "192.168.20.3");
  CHECK(store.networks.Route(front).value() == "192.168.20.4");
  CHECK(store.networks.Route(back).value() == "192.168.20.5");
  CHECK(unroute(front, "192.168.20.5").error().code == Code::kForbidden);
  REQUIRE(unroute(front, "192.168.20.3"));
  CHECK(unroute(front, "192.168.20.3").error().code == Code::kNotFound);
  CHECK(routed(front) == std::vector<std::string>{"192.168.20.2", "192.168.20.4"});
  CHECK(routed(back) == std::vector<std::string>{"192.168.20.5"});

  // What its guests leave by is its own, too, but not routed.
  Network with_gateway = store.WantedNetwork();
  with_gateway.provide_nat = true;
  const Network nat = store.networks.Create(with_gateway).value();
  CHECK(nat.floating_gateway == "192.168.20.3");
  CHECK(unroute(nat.uuid, "192.168.20.3").error().code == Code::kNotFound);

  REQUIRE(store.networks.Route(front));
  CHECK(store.networks.Route(front).error().code == Code::kNoCapacity);
  CHECK(store.networks.Route(store.MakeNetwork()).error().code == Code::kInvalid);
  CHECK(store.networks.Route(kFloatingNetwork).error().code == Code::kInvalid);
  REQUIRE(store.networks.Delete(front, true));
  CHECK(store.networks.Route(front).error().code == Code::kNotFound);
  REQUIRE(store.networks.Delete(back, true));
  REQUIRE(store.networks.Delete(nat.uuid, true));
  CHECK(store.Count("SELECT COUNT(*) FROM addresses") == 0);
}

TEST_CASE("NetworkStore: an idle network is deleted, once", "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNetwork();
  REQUIRE(store.networks.Delete(id, false));
  CHECK(store.networks.Find(id)->state == NetworkState::kDeleted);
  CHECK(store.networks.Delete(id, true).error().code == Code::kNotFound);
  CHECK(store.networks.Delete(NetworkId("none"), true).error().code == Code::kNotFound);
  CHECK(store.networks.Delete(kFloatingNetwork, true).error().code == Code::kForbidden);
}

TEST_CASE("NetworkStore: one that is used waits for its last interface", "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNetwork();
  const InstanceId first = store.MakeIn({id}), second = store.MakeIn({id, id});
  CHECK(store.networks.Delete(id, false).error().code == Code::kConflict);
  CHECK(store.networks.Find(id)->state == NetworkState::kCreated);
  REQUIRE(store.networks.Delete(id, true));
  REQUIRE(store.networks.Delete(id, true));  // Repeating it is fine.
  CHECK(store.networks.Find(id)->state == NetworkState::kDeleteWait);
  CHECK(store.CreateIn({id}).error().code == Code::kNotReady);

  store.Delete(first);
  CHECK(store.networks.Find(id)->state == NetworkState::kDeleteWait);
  store.Delete(second);
  CHECK(store.networks.Find(id)->state == NetworkState::kDeleted);
  CHECK(store.CreateIn({id}).error().code == Code::kNotFound);
  store.CheckNothingLeft();
}

TEST_CASE("NetworkStore: of many that delete its last interfaces at once, one ends it", "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNetwork();
  std::vector<InstanceId> instances;
  for (int i = 0; i < 8; ++i) instances.push_back(store.MakeIn({id}));
  REQUIRE(store.networks.Delete(id, true));
  for (const InstanceId& instance : instances) REQUIRE(store.instances.RequestDelete(instance));
  const auto deleted = Race(
      8, [&](int i) { return store.instances.Deleted(instances[static_cast<std::size_t>(i)]); });
  CHECK(Succeeded(deleted) == 8);
  CHECK(store.networks.Find(id)->state == NetworkState::kDeleted);
  CHECK(store.Count("SELECT COUNT(*) FROM events WHERE message = 'network deleted'") == 1);
  store.CheckNothingLeft();
}

TEST_CASE("NetworkStore: creates that race with the deletion of their network are in it or refused",
          "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNetwork();
  const auto done = Race(9, [&](int i) -> Result<void> {
    if (i == 4) return store.networks.Delete(id, true);
    const auto made = store.CreateIn({id});
    if (!made) return tl::unexpected(made.error());
    return {};
  });
  REQUIRE(done[4]);
  const auto live = store.Count("SELECT COUNT(*) FROM interfaces WHERE live = 1");
  CHECK(live == Succeeded(done) - 1);
  CHECK(store.networks.Find(id)->state ==
        (live == 0 ? NetworkState::kDeleted : NetworkState::kDeleteWait));
  for (const auto& each : done) {
    if (!each)
      CHECK((each.error().code == Code::kNotReady || each.error().code == Code::kNotFound));
  }
}

TEST_CASE("NetworkStore: the floating network is one, and changes while nobody has an address",
          "[host]") {
  NetworkTestStore store;
  const auto ensure = [&](const char* block) {
    return ToString(store.networks.EnsureFloating(Netblock::Parse(block).value()).value());
  };
  CHECK(ensure("192.168.20.0/24") == "192.168.20.0/24");
  CHECK(ensure("10.9.0.0/16") == "10.9.0.0/16");
  const NetworkId id = store.MakeNatNetwork();
  const InstanceId instance = store.MakeIn({id});
  REQUIRE(store.interfaces.Float(store.Get(instance).interfaces.at(0).uuid));
  CHECK(ensure("192.168.20.0/24") == "10.9.0.0/16");
  store.Delete(instance);
  CHECK(ensure("192.168.20.0/24") == "192.168.20.0/24");
  CHECK(store.Count("SELECT COUNT(*) FROM networks WHERE name = 'floating'") == 1);
}

TEST_CASE("NetworkStore: listings hold what their filter says", "[host]") {
  NetworkTestStore store;
  const NetworkId kept = store.MakeNetwork(), deleted = store.MakeNetwork();
  REQUIRE(store.networks.Delete(deleted, true));
  const auto ids = [&](const store::NetworkFilter& filter) {
    std::vector<NetworkId> found;
    const auto listed = store.networks.List(filter);
    for (const Network& network : listed.value()) found.push_back(network.uuid);
    return found;
  };
  CHECK(ids({}) == std::vector{kFloatingNetwork, kept});
  CHECK(ids({.name_space = store.web}) == std::vector{kept});
  CHECK(ids({.name_space = store.web, .with_deleted = true}) == std::vector{kept, deleted});
  CHECK(ids({.name = "front"}) == std::vector{kept});
  CHECK(ids({.name = "FRONT"}).empty());
  CHECK(ids({.uuid = deleted}) == std::vector{deleted});
}

TEST_CASE("NetworkStore: the deleted are forgotten when they are old", "[host]") {
  NetworkTestStore store;
  const NetworkId old = store.MakeNetwork(), living = store.MakeNetwork();
  REQUIRE(store.networks.Delete(old, true));
  store.Age("networks", "updated_at", 100);
  const NetworkId young = store.MakeNetwork();
  REQUIRE(store.networks.Delete(young, true));
  CHECK(store.networks.Reap(50, 10).value() == 1);
  CHECK(store.networks.Find(old).error().code == Code::kNotFound);
  CHECK(store.networks.Find(young));
  CHECK(store.networks.Find(living));
  CHECK(store.events.List("network", old.value, "", 9)->empty());
}

TEST_CASE("NetworkStore: a namespace with networks is not deleted, nor takes new ones when it is",
          "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNetwork();
  CHECK(store.namespaces.Delete(store.web).error().code == Code::kConflict);
  REQUIRE(store.networks.Delete(id, true));
  REQUIRE(store.namespaces.Delete(store.web));
  CHECK(store.networks.Create(store.WantedNetwork()).error().code == Code::kNotFound);
}

}  // namespace
