// SPDX-License-Identifier: Apache-2.0
#include "node/api/instance_request.h"

#include <catch2/catch.hpp>
#include <string>

#include "node/api/views.h"

namespace sf::api {
namespace {

using nlohmann::json;

const Caller kTeam{NamespaceId("team"), "key"};

/// What sf-client sends for `instance create web1 1 256 -d 8@http://images/tiny.qcow2`.
json ClientBody() {
  return {
      {"name", "web1"},
      {"cpus", 1},
      {"memory", 256},
      {"network", json::array()},
      {"disk",
       {{{"size", 8}, {"base", "http://images/tiny.qcow2"}, {"bus", nullptr}, {"type", "disk"}}}},
      {"ssh_key", nullptr},
      {"user_data", nullptr},
      {"namespace", nullptr},
      {"video", {{"model", "cirrus"}, {"memory", "16384"}}},
      {"configdrive", "openstack-disk"},
      {"metadata", json::object()},
      {"side_channels", json::array()},
      {"uefi", false},
      {"secure_boot", false},
      {"nvram_template", nullptr}};
}

Error Refusal(const json& body) {
  const auto parsed = ParseInstanceRequest(body, kTeam);
  REQUIRE_FALSE(parsed);
  return parsed.error();
}

}  // namespace

TEST_CASE("ParseInstanceRequest: what sf-client sends is taken, and echoed as clients compare it") {
  const auto instance = ParseInstanceRequest(ClientBody(), kTeam);
  REQUIRE(instance);
  CHECK(instance->spec.name_space == kTeam.name_space);
  REQUIRE(instance->disks.size() == 1);
  CHECK(instance->disks[0].device == "vda");
  CHECK(instance->disks[0].url == "http://images/tiny.qcow2");
  const json view = View(*instance);
  CHECK(view["disk_spec"] == ClientBody()["disk"]);
  CHECK(view["video"] == json({{"model", "cirrus"}, {"memory", 16384}, {"vdi", "spice"}}));
  CHECK(view["side_channels"] == json::array());
  CHECK(view["configdrive"] == "openstack-disk");
}

TEST_CASE("ParseInstanceRequest: empty texts of the Go client count as absent") {
  json body = ClientBody();
  for (const char* key : {"ssh_key", "user_data", "namespace", "nvram_template"}) body[key] = "";
  body["disk"][0]["bus"] = "";
  CHECK(ParseInstanceRequest(body, kTeam));
}

TEST_CASE("ParseInstanceRequest: the second disk is vdc, or vdb without a config drive") {
  json body = ClientBody();
  body["disk"].push_back({{"size", 1}, {"base", nullptr}});
  CHECK(ParseInstanceRequest(body, kTeam)->disks[1].device == "vdc");
  body["configdrive"] = "none";
  CHECK(ParseInstanceRequest(body, kTeam)->disks[1].device == "vdb");
}

TEST_CASE("ParseInstanceRequest: each refusal names the field") {
  struct Bad {
    const char* pointer;
    json value;
    const char* text;
  };
  const Bad bad = GENERATE(
      Bad{"/name", "no_underscore", "name must be"},
      Bad{"/name", std::string(64, 'a'), "name must be"},
      Bad{"/name", "a\"><script>", "name must be"},
      Bad{"/name", std::string("a\0b", 3), "name must be"},
      Bad{"/name", nullptr, "name is missing"}, Bad{"/cpus", 0, "cpus is 0"},
      Bad{"/memory", "much", "memory is not a whole number"},
      Bad{"/disk", json::array(), "disk must be"}, Bad{"/disk/0", "8", "disk[0] is not an object"},
      Bad{"/disk/0/bus", "ide", "disk[0].bus"}, Bad{"/disk/0/type", "floppy", "disk[0].type"},
      Bad{"/disk/0/base", "ftp://images/x", "disk[0].base"},
      Bad{"/disk/0/base", "file:///etc/passwd", "disk[0].base"},
      Bad{"/disk/0/size", -1, "disk[0].size"}, Bad{"/user_data", "not base64!", "user_data"},
      Bad{"/video", json({{"model", "cirrus"}}), "video.memory is missing"},
      Bad{"/video", json({{"model", "'/>"}, {"memory", 1}}), "video.model"},
      Bad{"/configdrive", "floppy", "configdrive"},
      Bad{"/metadata", "x", "metadata is not an object"},
      Bad{"/metadata", json({{"k", ""}}), "metadata k has no value"},
      Bad{"/metadata", json({{"tags", "a"}}), "metadata tags is not a list of strings"},
      Bad{"/metadata", json({{"tags", {"a", 1}}}), "metadata tags is not a list of strings"},
      Bad{"/metadata", json({{"affinity", {"a"}}}), "metadata affinity is not an object"},
      Bad{"/metadata", json({{"affinity", {{"a", 1.5}}}}),
          "metadata affinity a is not a whole number from -1000000 to 1000000"},
      Bad{"/metadata", json({{"affinity", {{"a", UINT64_MAX - 4}}}}),
          "metadata affinity a is not a whole number from -1000000 to 1000000"},
      Bad{"/metadata", json({{"affinity", {{"a", "b"}}}}),
          "metadata affinity a is not a whole number"},
      Bad{"/side_channels", json({"a/b"}), "side_channels"},
      Bad{"/secure_boot", true, "secure_boot needs uefi"});
  CAPTURE(bad.pointer, bad.value);
  json body = ClientBody();
  body[json::json_pointer(bad.pointer)] = bad.value;
  const Error error = Refusal(body);
  CHECK(error.code == Code::kInvalid);
  CHECK_THAT(error.message, Catch::Contains(bad.text));
}

TEST_CASE("ParseInstanceRequest: an nvram begins from what the cloud keeps, with UEFI only") {
  json body = ClientBody();
  body["nvram_template"] = "label:golden";
  CHECK(Refusal(body).message == "nvram_template needs uefi");
  body["uefi"] = true;
  const auto instance = ParseInstanceRequest(body, kTeam);
  REQUIRE(instance);
  CHECK(View(*instance)["nvram_template"] == "label:golden");
  for (const char* bad : {"http://images/x", "sf://upload/team/x", "golden", "label:", "sf://"}) {
    body["nvram_template"] = bad;
    CAPTURE(bad);
    CHECK(Refusal(body).code == Code::kInvalid);
  }
}

TEST_CASE("ParseInstanceRequest: what does not exist, or is another's, is not found") {
  json body = ClientBody();
  body["namespace"] = "other";
  const Error error = Refusal(body);
  CHECK(error.code == Code::kNotFound);
  CHECK_THAT(error.message, Catch::Contains("not found"));
}

TEST_CASE("ParseInstanceRequest: what the cloud keeps itself is looked up by others") {
  json body = ClientBody();
  body["disk"] = json::array({{{"base", "label:golden"}}});
  const auto instance = ParseInstanceRequest(body, kTeam);
  REQUIRE(instance);
  CHECK(instance->disks[0].url.empty());
  CHECK(instance->spec.disks[0].base == "label:golden");
}

TEST_CASE("ParseInstanceRequest: strangers' texts of any content survive the database's JSON") {
  json body = ClientBody();
  const std::string nasty("'\"<>&{{x}}]]>\n\0\x01 \xf0\x9f\x98\x80", 22);
  body["ssh_key"] = nasty;
  const std::string key = "'\"<>&{{x}}]]> \xf0\x9f\x98\x80";
  body["metadata"] = {{key, nasty}};
  const auto instance = ParseInstanceRequest(body, kTeam);
  REQUIRE(instance);
  const auto stored = ParseInstanceSpecJson(ToJson(instance->spec).dump());
  REQUIRE(stored);
  CHECK(stored->ssh_key == nasty);
  CHECK(instance->metadata[key] == nasty);
}

}  // namespace sf::api
