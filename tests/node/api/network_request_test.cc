// SPDX-License-Identifier: Apache-2.0
#include "node/api/network_request.h"

#include <catch2/catch.hpp>
#include <string>

#include "node/api/views.h"

namespace sf::api {
namespace {

using nlohmann::json;

const Caller kTeam{NamespaceId("team"), "key"};
const Caller kAdmin{kSystemNamespace, "key"};

/// What sf-client sends for `network create front 10.0.0.0/24`.
json ClientBody() {
  return {{"name", "front"},
          {"netblock", "10.0.0.0/24"},
          {"provide_dhcp", true},
          {"provide_nat", true},
          {"namespace", nullptr}};
}

/// The specs of one entry of `network` in the body of POST /instances.
Result<std::vector<InterfaceSpec>> ParseOne(const json& entry) {
  return ParseInterfaceSpecs({{"network", json::array({entry})}});
}

}  // namespace

TEST_CASE("ParseNetworkRequest: what sf-client sends is taken, and read by it again") {
  auto network = ParseNetworkRequest(ClientBody(), kTeam);
  REQUIRE(network);
  network->uuid = NetworkId("6f0e6c1e-8d6c-4b0f-9a55-5b8d5e2f2a10");
  network->vni = 7340211;
  network->version = 4;
  CHECK(View(*network) == json({{"uuid", "6f0e6c1e-8d6c-4b0f-9a55-5b8d5e2f2a10"},
                                {"name", "front"},
                                {"namespace", "team"},
                                {"netblock", "10.0.0.0/24"},
                                {"provide_dhcp", true},
                                {"provide_nat", true},
                                {"provide_dns", false},
                                {"floating_gateway", nullptr},
                                {"vxid", 7340211},
                                {"state", "created"},
                                {"metadata", json::object()},
                                {"version", 4}}));
}

TEST_CASE("ParseNetworkRequest: what is asked not to be provided is not") {
  json body = ClientBody();
  body["provide_dhcp"] = body["provide_nat"] = false;
  body["provide_dns"] = true;
  const auto network = ParseNetworkRequest(body, kTeam);
  REQUIRE(network);
  CHECK_FALSE(network->provide_dhcp);
  CHECK_FALSE(network->provide_nat);
  CHECK(network->provide_dns);
}

TEST_CASE("ParseNetworkRequest: namespaces of others are for administrators") {
  json body = ClientBody();
  body["namespace"] = "other";
  CHECK(ParseNetworkRequest(body, kTeam).error().code == Code::kUnauthorized);
  CHECK(ParseNetworkRequest(body, kAdmin)->name_space == NamespaceId("other"));
}

TEST_CASE("ParseNetworkRequest: each refusal names the field") {
  struct Bad {
    const char* field;
    json value;
  };
  const Bad bad = GENERATE(
      Bad{"name", nullptr}, Bad{"name", ""}, Bad{"name", std::string(256, 'a')},
      Bad{"name", "a\nb"}, Bad{"name", "6f0e6c1e-8d6c-4b0f-9a55-5b8d5e2f2a10"},
      Bad{"netblock", nullptr}, Bad{"netblock", "front"}, Bad{"netblock", "10.0.0.0"},
      Bad{"netblock", "10.0.0.1/24"}, Bad{"netblock", "10.0.0.0/30"},
      Bad{"netblock", "10.0.0.0/33"}, Bad{"netblock", "0.0.0.0/0"}, Bad{"netblock", "fd00::/64"},
      Bad{"netblock", 24}, Bad{"provide_dhcp", "perhaps"}, Bad{"provide_nat", 7});
  CAPTURE(bad.field, bad.value);
  json body = ClientBody();
  body[bad.field] = bad.value;
  const auto parsed = ParseNetworkRequest(body, kTeam);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == Code::kInvalid);
  CHECK_THAT(parsed.error().message, Catch::Contains(bad.field));
}

TEST_CASE("ParseInterfaceSpecs: nothing, null and an empty list are no interfaces") {
  CHECK(ParseInterfaceSpecs(json::object())->empty());
  CHECK(ParseInterfaceSpecs({{"network", nullptr}})->empty());
  CHECK(ParseInterfaceSpecs({{"network", json::array()}})->empty());
}

TEST_CASE("ParseInterfaceSpecs: an absent or empty address is any, null and none are no address") {
  const auto spec = [](const json& address) {
    json entry = {{"network_uuid", "front"}, {"macaddress", nullptr}, {"model", "virtio"}};
    if (!address.is_discarded()) entry["address"] = address;
    return ParseOne(entry).value().at(0);
  };
  CHECK(spec(json(json::value_t::discarded)).with_address);
  CHECK(spec("").with_address);
  CHECK(spec("").address.empty());
  CHECK(spec("10.0.0.7").address == "10.0.0.7");
  CHECK_FALSE(spec(nullptr).with_address);
  CHECK_FALSE(spec("none").with_address);
}

TEST_CASE("ParseInterfaceSpecs: all that may be asked for is taken") {
  const auto spec = ParseOne({{"network_uuid", "front"},
                              {"address", "10.0.0.7"},
                              {"macaddress", "02:AA:bb:00:00:01"},
                              {"model", "e1000"},
                              {"float", "True"}})
                        .value()
                        .at(0);
  CHECK(spec.network_name == "front");
  CHECK(spec.mac == "02:aa:bb:00:00:01");
  CHECK(spec.model == "e1000");
  CHECK(spec.floating);
  const auto least = ParseOne({{"network_uuid", "front"}, {"macaddress", ""}, {"model", ""}});
  CHECK(least->at(0).mac.empty());
  CHECK(least->at(0).model == "virtio");
  CHECK_FALSE(least->at(0).floating);
}

TEST_CASE("ParseInterfaceSpecs: each refusal names the entry and the field") {
  struct Bad {
    json entry;
    const char* text;
  };
  const Bad bad = GENERATE(
      Bad{"front", "network[0] is not an object"},
      Bad{json::object(), "network[0].network_uuid is missing"},
      Bad{{{"network_uuid", ""}}, "network[0].network_uuid"},
      Bad{{{"network_uuid", "a"}, {"address", 7}}, "network[0].address"},
      Bad{{{"network_uuid", "a"}, {"macaddress", "02:00"}}, "network[0].macaddress"},
      Bad{{{"network_uuid", "a"}, {"macaddress", "02-00-00-00-00-01"}}, "network[0].macaddress"},
      Bad{{{"network_uuid", "a"}, {"macaddress", "01:00:5e:00:00:01"}}, "network[0].macaddress"},
      Bad{{{"network_uuid", "a"}, {"macaddress", "ff:ff:ff:ff:ff:ff"}}, "network[0].macaddress"},
      Bad{{{"network_uuid", "a"}, {"macaddress", "00:00:00:00:00:00"}}, "network[0].macaddress"},
      Bad{{{"network_uuid", "a"}, {"macaddress", "02:00:00:00:00:0'"}}, "network[0].macaddress"},
      Bad{{{"network_uuid", "a"}, {"model", "'/><x"}}, "network[0].model"},
      Bad{{{"network_uuid", "a"}, {"float", "perhaps"}}, "network[0].float"},
      Bad{{{"network_uuid", "a"}, {"float", true}, {"address", nullptr}}, "network[0].float"});
  CAPTURE(bad.entry);
  const auto parsed = ParseOne(bad.entry);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error().code == Code::kInvalid);
  CHECK_THAT(parsed.error().message, Catch::Contains(bad.text));
}

TEST_CASE("ParseInterfaceSpecs: a list of reasonable length, or nothing") {
  CHECK(ParseInterfaceSpecs({{"network", "front"}}).error().code == Code::kInvalid);
  const json many(17, {{"network_uuid", "front"}});
  CHECK(ParseInterfaceSpecs({{"network", many}}).error().code == Code::kInvalid);
}

TEST_CASE("View: an interface as sf-client reads it; what it has not is null") {
  Interface interface;
  interface.uuid = InterfaceId("b1d7");
  interface.network = NetworkId("6f0e");
  interface.instance = InstanceId("0c44");
  interface.mac = "02:00:00:19:e4:b4";
  interface.model = "virtio";
  interface.order = 1;
  interface.version = 3;
  json expected = {{"uuid", "b1d7"},
                   {"network_uuid", "6f0e"},
                   {"instance_uuid", "0c44"},
                   {"macaddr", "02:00:00:19:e4:b4"},
                   {"ipv4", nullptr},
                   {"order", 1},
                   {"model", "virtio"},
                   {"floating", nullptr},
                   {"state", "created"},
                   {"metadata", json::object()},
                   {"version", 3}};
  CHECK(View(interface) == expected);
  interface.ipv4 = "10.0.0.20";
  interface.floating = "192.168.20.3";
  expected["ipv4"] = "10.0.0.20";
  expected["floating"] = "192.168.20.3";
  CHECK(View(interface) == expected);
}

TEST_CASE("View: an instance shows its interfaces") {
  Instance instance;
  instance.interfaces.resize(2);
  instance.interfaces[1].order = 1;
  CHECK(View(instance)["interfaces"] == ViewAll(instance.interfaces));
  CHECK(View(instance)["interfaces"].size() == 2);
}

}  // namespace sf::api
