// SPDX-License-Identifier: Apache-2.0
#include "images/config_drive.h"

#include <catch2/catch.hpp>

#include "images/child_process.h"
#include "tests/images/test_images.h"

namespace sf::images {
namespace {

using nlohmann::json;
using std::string_literals::operator""s;

/// A config drive, written and read back with another program's eyes.
struct Drive {
  test::TestDirectory directory;

  explicit Drive(const ConfigDriveSpec& spec) {
    REQUIRE(WriteConfigDrive(directory / "drive.iso", spec));
  }
  std::string Read(const std::string& name, const std::string& version = "latest") const {
    const auto text = RunChild({"isoinfo", "-R", "-i", (directory / "drive.iso").string(), "-x",
                                "/openstack/" + version + "/" + name},
                               {.output = 4 << 20});
    REQUIRE(text);
    return *text;
  }
  std::string List() const {
    return *RunChild({"isoinfo", "-R", "-f", "-i", (directory / "drive.iso").string()}, {});
  }
};

ConfigDriveSpec Spec() {
  ConfigDriveSpec spec;
  spec.uuid = InstanceId("5b1c6d3e-0000-4000-8000-000000000001");
  spec.name = "web1";
  spec.hostname = "web1.team";
  spec.owner = NamespaceId("team");
  spec.availability_zone = "north";
  return spec;
}

TEST_CASE("ConfigDrive: an instance without extras is told its name, in both versions") {
  const Drive drive(Spec());
  for (const char* version : {"latest", "2017-02-22"}) {
    const json meta = json::parse(drive.Read("meta_data.json", version));
    CHECK(meta["uuid"] == "5b1c6d3e-0000-4000-8000-000000000001");
    CHECK(meta["name"] == "web1");
    CHECK(meta["hostname"] == "web1.team");
    CHECK(meta["launch_index"] == 0);
    CHECK(meta["availability_zone"] == "north");
    CHECK(meta["meta"] == json::object());
    CHECK(DecodeBase64(meta["random_seed"].get<std::string>())->size() == 256);
    CHECK(!meta.contains("public_keys"));
    CHECK(
        json::parse(drive.Read("network_data.json", version)) ==
        json({{"links", json::array()}, {"networks", json::array()}, {"services", json::array()}}));
    CHECK(drive.Read("vendor_data.json", version) == "{}");
    CHECK(drive.Read("vendor_data2.json", version) == "{}");
  }
  CHECK(drive.List().find("user_data") == std::string::npos);
}

TEST_CASE("ConfigDrive: strangers' words arrive as they were") {
  const std::string nasty = "\"'<>&\n\t{{name}}}}</script>\x01\0\xf0\x9f\x98\x80"s;
  ConfigDriveSpec spec = Spec();
  spec.ssh_key = "ssh-ed25519 AAAA " + nasty + "\n";
  spec.user_data = std::string("#!/bin/sh\n") + std::string(1 << 20, 'x') + '\0' + "\xff end";
  spec.metadata = {{nasty, nasty}, {"tags", {"a", "b"}}};
  const Drive drive(spec);
  const json meta = json::parse(drive.Read("meta_data.json"));
  CHECK(meta["public_keys"]["mykey"] == *spec.ssh_key);
  CHECK(meta["meta"] == spec.metadata);
  CHECK((drive.Read("user_data") == *spec.user_data));
}

TEST_CASE("ConfigDrive: text that is not UTF-8 does not throw") {
  ConfigDriveSpec spec = Spec();
  spec.name = "bad \xff\xfe";
  const Drive drive(spec);
  CHECK(json::parse(drive.Read("meta_data.json"))["name"] == "bad \xef\xbf\xbd\xef\xbf\xbd");
}

TEST_CASE("ConfigDrive: NICs are described by their MAC, with DHCP, an address, or nothing") {
  ConfigDriveSpec spec = Spec();
  spec.interfaces = {
      {.mac = "02:00:00:00:00:01", .mtu = 1450, .dhcp = true, .ipv4 = "10.0.0.4", .gateway = {}},
      {.mac = "02:00:00:00:00:02",
       .mtu = 9000,
       .dhcp = false,
       .ipv4 = "10.1.0.4",
       .prefix = 22,
       .gateway = "10.1.0.1"},
      {.mac = "02:00:00:00:00:03", .dhcp = false, .ipv4 = {}, .gateway = {}}};
  spec.dns_servers = {"192.0.2.53"};
  const json network = json::parse(Drive(spec).Read("network_data.json"));
  CHECK(network["links"].size() == 3);
  CHECK(network["links"][1] == json({{"id", "nic1"},
                                     {"type", "phy"},
                                     {"ethernet_mac_address", "02:00:00:00:00:02"},
                                     {"mtu", 9000}}));
  REQUIRE(network["networks"].size() == 2);
  CHECK(network["networks"][0] ==
        json({{"id", "network0"}, {"link", "nic0"}, {"type", "ipv4_dhcp"}}));
  CHECK(network["networks"][1]["ip_address"] == "10.1.0.4");
  CHECK(network["networks"][1]["netmask"] == "255.255.252.0");
  CHECK(network["networks"][1]["routes"][0]["gateway"] == "10.1.0.1");
  CHECK(network["services"] == json::array({{{"type", "dns"}, {"address", "192.0.2.53"}}}));
}

TEST_CASE("Base64: is decoded in one line or many, and refused when it is none") {
  CHECK(*DecodeBase64("aGVsbG8gd29ybGQ=") == "hello world");
  CHECK(*DecodeBase64("aGVsbG8g\r\nd29y\nbGQ=\n") == "hello world");
  CHECK(DecodeBase64("")->empty());
  CHECK(!DecodeBase64("aGVsbG8gd29ybGQ"));
  CHECK(!DecodeBase64("hello world!"));
  CHECK(!DecodeBase64("aGVsbG8gd29ybGQ=trailing"));
}

}  // namespace
}  // namespace sf::images
