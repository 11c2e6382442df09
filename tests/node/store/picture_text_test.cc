// SPDX-License-Identifier: Apache-2.0
#include "node/store/picture_text.h"

#include <catch2/catch.hpp>

namespace {

using namespace sf;
using namespace sf::store;

Picture Everything() {
  Instance instance;
  instance.uuid = InstanceId("i1");
  instance.spec.name = "box";
  instance.spec.name_space = NamespaceId("web");
  instance.spec.memory_mb = 64;
  instance.spec.disks = {{"http://a.example/x", {}, 2, "disk"}};
  instance.metadata = {{"colour", "blue"}};
  instance.disks = {
      {"vda", "virtio", "disk", 2, "http://a.example/x", ArtifactId("a"), BlobId("b")}};
  instance.interfaces = {{.uuid = InterfaceId("f1"),
                          .network = NetworkId("n1"),
                          .instance = instance.uuid,
                          .mac = "02:00:00:00:00:01",
                          .ipv4 = "10.0.0.2",
                          .floating = "",
                          .model = "virtio",
                          .version = 3}};
  instance.node = NodeId("h1");
  instance.state = InstanceState::kError;
  instance.lost_from = InstanceState::kCreated;
  instance.error_message = "\xff is no UTF-8";
  instance.agent = {"ready", 1700000000.25, 1200};
  instance.created_at = 1700000000.123456;
  Network network;
  network.uuid = NetworkId("n1");
  network.netblock = Netblock::Parse("10.0.0.0/24").value();
  network.vni = 77;
  network.routed = {"192.0.2.7", "192.0.2.9"};
  network.state = NetworkState::kDeleteWait;
  Picture picture;
  picture.as_of = 1700000001.5;
  picture.instances[instance.uuid] = std::make_shared<const Kept<Instance>>(instance);
  picture.networks[network.uuid] = std::make_shared<const Kept<Network>>(network);
  picture.keys[NamespaceId("web")] = {{"deploy", "hash", "nonce"}};
  picture.keys[NamespaceId("empty")] = {};
  picture.trusted_by[NamespaceId("web")] = {NamespaceId("empty"), NamespaceId("lab")};
  NodeRecord node;
  node.name = NodeId("h1");
  node.ip = "192.0.2.1";
  node.limit = {1, 2, 3};
  picture.nodes = {node};
  return picture;
}

TEST_CASE("Picture: what was remembered comes back whole") {
  const std::string text = ToText(Everything());
  const Picture back = ParsePicture(text).value();
  CHECK(ToText(back) == text);
  const Instance& instance = *back.instances.at(InstanceId("i1"));
  CHECK(instance.spec.disks.at(0).size_gb == 2);
  CHECK_FALSE(instance.spec.disks.at(0).bus);
  CHECK(instance.lost_from == InstanceState::kCreated);
  CHECK(instance.interfaces.at(0).ipv4 == "10.0.0.2");
  CHECK(instance.agent == AgentFacts{"ready", 1700000000.25, 1200});
  CHECK(instance.created_at == 1700000000.123456);
  CHECK(back.networks.at(NetworkId("n1"))->vni == 77);
  CHECK(back.networks.at(NetworkId("n1"))->routed.at(1) == "192.0.2.9");
  CHECK(back.FindKey(NamespaceId("web"), "deploy")->nonce == "nonce");
  CHECK(back.FindKey(NamespaceId("web"), "other") == nullptr);
  CHECK(back.keys.size() == 2);
  CHECK(back.trusted_by.at(NamespaceId("web")).contains(NamespaceId("lab")));
  CHECK(back.nodes.at(0).limit.disk_gb == 3);
}

TEST_CASE("Picture: one that is damaged is refused, wherever the damage is") {
  const std::string text = ToText(Everything());
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    CAPTURE(i);
    REQUIRE(ParsePicture(damaged).error().code == Code::kCorrupt);
    REQUIRE_FALSE(ParsePicture(text.substr(0, i)));
  }
}

TEST_CASE("Picture: the text of a record is made once") {
  int made = 0;
  const auto make = [&](const Network& network) { return network.name + std::to_string(++made); };
  Network network;
  network.name = "front";
  const Kept<Network> kept(network);
  CHECK(kept.Text(make) == "front1");
  CHECK(kept.Text(make) == "front1");
}

}  // namespace
