// SPDX-License-Identifier: Apache-2.0
#include "node/store/interface_store.h"

#include <catch2/catch.hpp>
#include <set>

#include "tests/host/test_networks.h"

namespace {

using namespace sf;
using namespace sf::test;
using Catch::Matchers::Contains;

std::set<std::string> AddressesOf(const std::vector<Result<Instance>>& made) {
  std::set<std::string> addresses;
  for (const auto& instance : made) {
    if (!instance) continue;
    for (const Interface& interface : instance->interfaces) addresses.insert(interface.ipv4);
  }
  return addresses;
}

TEST_CASE("InterfaceStore: an instance's interfaces come back as they were made, in order",
          "[host]") {
  NetworkTestStore store;
  const NetworkId front = store.MakeNetwork(), back = store.MakeNatNetwork("10.0.0.0/29");
  InterfaceSpec asked = NetworkTestStore::In(back, "10.0.0.4");
  asked.mac = "02:aa:00:00:00:01";
  asked.model = "e1000";
  asked.floating = true;
  InterfaceSpec bare = NetworkTestStore::In(front);
  bare.with_address = false;
  const auto made = store.Create({asked, NetworkTestStore::In(front), bare});
  REQUIRE(made);
  const Instance read = store.Get(made->uuid);
  REQUIRE(read.interfaces.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    const Interface& interface = read.interfaces[i];
    CHECK(interface.uuid == made->interfaces[i].uuid);
    CHECK(interface.instance == made->uuid);
    CHECK(interface.order == static_cast<int>(i));
    CHECK(interface.mac == made->interfaces[i].mac);
    CHECK(interface.state == "created");
  }
  CHECK(read.interfaces[0].network == back);
  CHECK(read.interfaces[0].ipv4 == "10.0.0.4");
  CHECK(read.interfaces[0].mac == asked.mac);
  CHECK(read.interfaces[0].model == "e1000");
  CHECK(read.interfaces[0].floating == "192.168.20.2");
  CHECK(read.interfaces[1].ipv4 == "10.0.0.2");
  CHECK_THAT(read.interfaces[1].mac, Catch::StartsWith("02:00:00:"));
  CHECK(CanonicalMac(read.interfaces[1].mac) == read.interfaces[1].mac);
  CHECK(read.interfaces[1].model == "virtio");
  CHECK(read.interfaces[1].floating.empty());
  CHECK(read.interfaces[2].ipv4.empty());
  CHECK(store.interfaces.List({.network = front})->size() == 2);
  CHECK(store.interfaces.List({.instance = made->uuid})->size() == 3);
}

TEST_CASE("InterfaceStore: fifty that race for a /29 get the five that it has", "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNetwork("10.0.0.0/29");
  const auto made = Race(50, [&](int) { return store.CreateIn({id}); });
  CHECK(Succeeded(made) == 5);
  CHECK(AddressesOf(made) ==
        std::set<std::string>{"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6"});
  for (const auto& each : made) {
    if (each) continue;
    CHECK(each.error().code == Code::kNoCapacity);
    CHECK_THAT(each.error().message, Contains("has no free address"));
  }
  CHECK(store.Count("SELECT COUNT(*) FROM instances") == 5);
  CHECK(store.Count("SELECT COUNT(*) FROM interfaces") == 5);
  CHECK(store.Count("SELECT COUNT(*) FROM addresses") == 5);
  CHECK(store.Count("SELECT COUNT(*) FROM ports") == 10);
  for (const auto& each : made) {
    if (each) store.Delete(each->uuid);
  }
  store.CheckNothingLeft();
  CHECK(store.CreateIn({id})->interfaces.at(0).ipv4 == "10.0.0.2");
}

TEST_CASE("InterfaceStore: for want of an address no other node is tried", "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNetwork("10.0.0.0/29");
  for (int i = 0; i < 5; ++i) store.MakeIn({id});
  store.AddNode("n2", {9, 9999, 9999});
  const auto refused = [&](const std::vector<std::string>& nodes, std::string address = "") {
    Instance wanted = store.Wanted();
    wanted.spec.interfaces = {NetworkTestStore::In(id, std::move(address))};
    const std::int64_t before = store.database.statements();
    const auto made = store.instances.Create(wanted, NetworkTestStore::Ranked(nodes));
    REQUIRE_FALSE(made);
    return std::pair(made.error().message, store.database.statements() - before);
  };
  CHECK(refused({"n1"}) == refused({"n1", "n2"}));
  CHECK(refused({"n1"}).first == fmt::format("network {} has no free address", id));
  CHECK(refused({"n1"}, "10.0.0.3") == refused({"n1", "n2"}, "10.0.0.3"));
  CHECK(store.Count("SELECT COUNT(*) FROM instances") == 5);
  CHECK(store.Count("SELECT COUNT(*) FROM ports") == 10);
}

TEST_CASE("InterfaceStore: of those that race for one address one gets it", "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNetwork();
  const auto made =
      Race(8, [&](int) { return store.Create({NetworkTestStore::In(id, "10.0.0.77")}); });
  CHECK(Succeeded(made) == 1);
  for (const auto& each : made) {
    if (each) continue;
    CHECK(each.error().code == Code::kConflict);
    CHECK_THAT(each.error().message, Contains("10.0.0.77 is in use"));
  }
  CHECK(store.Count("SELECT COUNT(*) FROM instances") == 1);
  CHECK(store.Count("SELECT COUNT(*) FROM addresses") == 1);
}

TEST_CASE("InterfaceStore: instances in the same two networks, named in either order, all get in",
          "[host]") {
  NetworkTestStore store;
  const NetworkId a = store.MakeNetwork(), b = store.MakeNetwork();
  const auto made = Race(12, [&](int i) {
    return store.CreateIn(i % 2 == 0 ? std::vector{a, b} : std::vector{b, a});
  });
  CHECK(Succeeded(made) == 12);
  CHECK(store.Count("SELECT COUNT(*) FROM addresses") == 24);
}

TEST_CASE("InterfaceStore: only addresses of hosts in the block are given out", "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNetwork();
  for (const char* address : {"10.0.0.0", "10.0.0.1", "10.0.0.255", "10.0.1.1", "300.1.1.1", "x",
                              "10.0.0.07", " 10.0.0.7", "::1"}) {
    INFO(address);
    const auto made = store.Create({NetworkTestStore::In(id, address)});
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Code::kInvalid);
  }
  CHECK(store.Count("SELECT COUNT(*) FROM instances") == 0);
}

TEST_CASE("InterfaceStore: the same addresses are free in every network", "[host]") {
  NetworkTestStore store;
  const NetworkId a = store.MakeNetwork(), b = store.MakeNetwork();
  CHECK(store.Create({NetworkTestStore::In(a, "10.0.0.9"), NetworkTestStore::In(b, "10.0.0.9")}));
}

TEST_CASE("InterfaceStore: a MAC address is one station's in its network, while it lives",
          "[host]") {
  NetworkTestStore store;
  const NetworkId a = store.MakeNetwork(), b = store.MakeNetwork();
  const auto with_mac = [&](const NetworkId& network) {
    InterfaceSpec spec = NetworkTestStore::In(network);
    spec.mac = "02:aa:00:00:00:01";
    return store.Create({spec});
  };
  const auto first = with_mac(a);
  REQUIRE(first);
  const auto second = with_mac(a);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::kConflict);
  CHECK_THAT(second.error().message, Contains("02:aa:00:00:00:01 is in use"));
  CHECK(with_mac(b));
  store.Delete(first->uuid);
  CHECK(with_mac(a));
}

TEST_CASE("InterfaceStore: networks of others, and the built-in one, are not found", "[host]") {
  NetworkTestStore store;
  REQUIRE(store.namespaces.Create(NamespaceId("other"), std::nullopt));
  Network foreign = store.WantedNetwork();
  foreign.name_space = NamespaceId("other");
  REQUIRE(store.networks.Create(foreign));
  for (const NetworkId& id : {foreign.uuid, kFloatingNetwork, NetworkId("none")}) {
    const auto made = store.CreateIn({id});
    REQUIRE_FALSE(made);
    CHECK(made.error().code == Code::kNotFound);
  }
  CHECK(store.Count("SELECT COUNT(*) FROM instances") == 0);
}

TEST_CASE("InterfaceStore: the deleted read as such, and their addresses are free", "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNatNetwork();
  const InstanceId instance = store.MakeIn({id});
  const InterfaceId interface = store.Get(instance).interfaces.at(0).uuid;
  REQUIRE(store.interfaces.Float(interface));
  REQUIRE(store.instances.RequestDelete(instance));
  CHECK(store.interfaces.Find(interface)->state == "created");
  CHECK(store.Count("SELECT COUNT(*) FROM addresses") == 2);
  REQUIRE(store.instances.Deleted(instance));
  const Interface read = store.interfaces.Find(interface).value();
  CHECK(read.state == "deleted");
  CHECK(read.floating.empty());
  CHECK(store.Get(instance).interfaces.size() == 1);
  CHECK(store.interfaces.List({.network = id})->empty());
  CHECK(store.interfaces.List({.network = id, .with_deleted = true})->size() == 1);
  CHECK(store.interfaces.Float(interface).error().code == Code::kConflict);
  store.CheckNothingLeft();
  store.Age("instances", "updated_at", 100);
  REQUIRE(store.instances.Reap(50, 10).value() == 1);
  CHECK(store.interfaces.Find(interface).error().code == Code::kNotFound);
}

TEST_CASE("InterfaceStore: a built instance gets another, which waits to be plugged in", "[host]") {
  NetworkTestStore store;
  const NetworkId front = store.MakeNetwork(), back = store.MakeNetwork();
  const InstanceId id = store.MakeIn({front});
  const auto add = [&](const InterfaceSpec& spec) { return store.interfaces.Add(id, spec); };
  CHECK(add(store.In(back)).error().code == Code::kNotReady);
  REQUIRE(store.instances.Claim(id));
  REQUIRE(store.instances.Built(store.Get(id), {""}, store.Created(id)));

  const auto made = add(store.In(back, "10.0.0.9"));
  REQUIRE(made);
  CHECK(made->order == 1);
  CHECK(made->state == "initial");
  CHECK(store.Get(id).interfaces.at(1).ipv4 == "10.0.0.9");
  CHECK(add(store.In(back, "10.0.0.9")).error().code == Code::kConflict);
  CHECK(add(store.In(NetworkId(MakeUuid()))).error().code == Code::kNotFound);
  InterfaceSpec twin = store.In(front);
  twin.mac = made->mac;  // It is free there, but would be its second.
  CHECK(add(twin).error().code == Code::kConflict);

  REQUIRE(store.interfaces.Plugged(*made, ""));
  REQUIRE(store.interfaces.Plugged(*made, "too late to fail"));
  CHECK(store.Get(id).interfaces.at(1).state == "created");
  const auto failed = add(store.In(back)).value();
  REQUIRE(store.interfaces.Plugged(failed, "no slot"));
  CHECK(store.Get(id).interfaces.at(2).state == "error");
  CHECK(store.events.List("instance", id.value, "", 1)->at(0).message.find("no slot") !=
        std::string::npos);

  while (store.Get(id).interfaces.size() < kMaxInterfaces) REQUIRE(add(store.In(back)));
  CHECK(add(store.In(back)).error().code == Code::kInvalid);
  store.Delete(id);
  CHECK(store.interfaces.Add(id, store.In(back)).error().code == Code::kNotReady);
  store.CheckNothingLeft();
}

TEST_CASE("InterfaceStore: floating is once, and can be taken back", "[host]") {
  NetworkTestStore store;
  const InstanceId instance = store.MakeIn({store.MakeNatNetwork()});
  const InterfaceId id = store.Get(instance).interfaces.at(0).uuid;
  CHECK(Succeeded(Race(4, [&](int) { return store.interfaces.Float(id); })) == 4);
  CHECK(store.Count("SELECT COUNT(*) FROM addresses WHERE network_uuid = ?", kFloatingNetwork) ==
        1);
  CHECK(store.interfaces.Find(id)->floating == "192.168.20.2");
  CHECK(Succeeded(Race(4, [&](int) { return store.interfaces.Defloat(id); })) == 4);
  CHECK(store.interfaces.Find(id)->floating.empty());
  CHECK(store.Count("SELECT COUNT(*) FROM addresses WHERE network_uuid = ?", kFloatingNetwork) ==
        0);
  CHECK(store.Count("SELECT COUNT(*) FROM addresses") == 1);
  CHECK(store.interfaces.Float(InterfaceId("none")).error().code == Code::kNotFound);

  InterfaceSpec bare = NetworkTestStore::In(store.Get(instance).interfaces.at(0).network);
  bare.with_address = false;
  const auto made = store.Create({bare});
  REQUIRE(made);
  CHECK(store.interfaces.Float(made->interfaces[0].uuid).error().code == Code::kInvalid);
}

TEST_CASE("InterfaceStore: nothing floats in a network without NAT", "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNetwork();
  const InstanceId instance = store.MakeIn({id});
  const auto floated = store.interfaces.Float(store.Get(instance).interfaces.at(0).uuid);
  REQUIRE_FALSE(floated);
  CHECK(floated.error().code == Code::kInvalid);
  CHECK_THAT(floated.error().message, Contains("NAT"));
  InterfaceSpec spec = NetworkTestStore::In(id);
  spec.floating = true;
  CHECK(store.Create({spec}).error().code == Code::kInvalid);
  CHECK(store.Count("SELECT COUNT(*) FROM instances") == 1);
  CHECK(store.Count("SELECT COUNT(*) FROM addresses") == 1);
}

TEST_CASE("InterfaceStore: whoever serves is told of those with an address", "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNatNetwork();
  InterfaceSpec asked = NetworkTestStore::In(id, "10.0.0.9"), bare = NetworkTestStore::In(id);
  asked.floating = true;
  bare.with_address = false;
  const auto made = store.Create({asked, bare});
  REQUIRE(made);
  const auto guests = store.interfaces.Guests().value();
  REQUIRE(guests.size() == 1);
  CHECK(guests[0].network == id);
  CHECK(guests[0].name == made->spec.name);
  CHECK(guests[0].mac == made->interfaces[0].mac);
  CHECK(guests[0].ipv4 == "10.0.0.9");
  CHECK(guests[0].floating == made->interfaces[0].floating);
  store.Delete(made->uuid);
  CHECK(store.interfaces.Guests()->empty());
}

TEST_CASE("InterfaceStore: more that float than there are addresses", "[host]") {
  NetworkTestStore store("192.168.20.0/29");
  const NetworkId id = store.MakeNatNetwork();
  std::vector<InterfaceId> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(store.Get(store.MakeIn({id})).interfaces.at(0).uuid);
  const auto floated =
      Race(8, [&](int i) { return store.interfaces.Float(ids[static_cast<std::size_t>(i)]); });
  CHECK(Succeeded(floated) == 5);
  for (const auto& each : floated) {
    if (!each) CHECK(each.error().code == Code::kNoCapacity);
  }
  InterfaceSpec spec = NetworkTestStore::In(id);
  spec.floating = true;
  const auto before = store.Count("SELECT COUNT(*) FROM instances");
  CHECK(store.Create({spec}).error().code == Code::kNoCapacity);
  CHECK(store.Count("SELECT COUNT(*) FROM instances") == before);
  CHECK(store.Count("SELECT COUNT(*) FROM addresses") == 8 + 5);
}

// Its addresses were given back before it was marked as deleted, and one that it was given in
// between was left.
TEST_CASE("InterfaceStore: one that floats while it is deleted keeps no address", "[host]") {
  NetworkTestStore store;
  const NetworkId id = store.MakeNatNetwork();
  for (int round = 0; round < 30; ++round) {
    const InstanceId instance = store.MakeIn({id, id, id, id});
    const auto interfaces = store.Get(instance).interfaces;
    REQUIRE(store.instances.RequestDelete(instance));
    const auto done = Race(5, [&](int i) {
      return i == 2 ? store.instances.Deleted(instance)
                    : store.interfaces.Float(interfaces[static_cast<std::size_t>(i % 4)].uuid);
    });
    CHECK(done[2]);
    REQUIRE(store.Count("SELECT COUNT(*) FROM addresses") == 0);
  }
}

}  // namespace
