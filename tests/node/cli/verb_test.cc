// SPDX-License-Identifier: Apache-2.0
#include "node/cli/verb.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <set>

#include "tests/images/test_directory.h"

namespace sf::cli {
namespace {

using Catch::Matchers::Contains;
using nlohmann::json;

const Verb& Find(std::string_view noun, std::string_view verb) {
  for (const Noun& n : Nouns()) {
    for (const Verb& v : n.verbs) {
      if (n.name == noun && v.name == verb) return v;
    }
  }
  FAIL("no verb " << noun << " " << verb);
  std::abort();
}

json Body(std::string_view noun, std::string_view verb, const Arguments& given) {
  const auto body = BodyOf(Find(noun, verb), given);
  REQUIRE(body);
  return *body;
}

json Instance(Arguments given) {
  given.insert({{"name", {"web1"}}, {"cpus", {"1"}}, {"memory", {"256"}}, {"disk", {"8"}}});
  return Body("instance", "create", given);
}

std::string InstanceError(Arguments given) {
  given.insert({{"name", {"web1"}}, {"cpus", {"1"}}, {"memory", {"256"}}});
  const auto body = BodyOf(Find("instance", "create"), given);
  return body ? "no error" : body.error().message;
}

TEST_CASE("Verb: what is typed becomes the body by the table") {
  CHECK(Body("instance", "list", {}).is_null());
  CHECK(Body("instance", "list", {{"all", {}}}) == json{{"all", true}});
  CHECK(Body("instance", "events", {{"instance", {"web1"}}, {"limit", {"5"}}}) ==
        json{{"limit", 5}});
  CHECK(Body("namespace", "add-key", {{"namespace", {"t"}}, {"keyname", {"k"}}, {"key", {"s"}}}) ==
        json{{"key_name", "k"}, {"key", "s"}});
  CHECK(Body("network", "create",
             {{"name", {"front"}}, {"netblock", {"10.0.0.0/24"}}, {"no-nat", {}}}) ==
        json{{"name", "front"},
             {"netblock", "10.0.0.0/24"},
             {"provide_dhcp", true},
             {"provide_nat", false}});
  CHECK(Body("namespace", "clean", {{"confirm", {}}}) ==
        json{{"confirm", true}, {"clean_wait", true}});
  CHECK_FALSE(BodyOf(Find("instance", "events"), {{"limit", {"five"}}}));
}

TEST_CASE("Verb: the value of tags and affinity is JSON, every other one is text") {
  const auto value = [](const char* key, const char* text) {
    return Body("instance", "set-metadata", {{"key", {key}}, {"value", {text}}}).at("value");
  };
  CHECK(value("size", "7") == "7");
  CHECK(value("tags", R"(["web"])") == json{"web"});
  CHECK_FALSE(MetadataValue("affinity", "web"));
}

TEST_CASE("Verb: what stands in a path is escaped, so that it stays one part of it") {
  const Call& show = Find("instance", "show").calls.front();
  CHECK(PathOf(show, {{"instance", {"web1"}}}) == "/instances/web1");
  CHECK(PathOf(show, {{"instance", {"a/b?c#d e%"}}}) == "/instances/a%2Fb%3Fc%23d%20e%25");
  CHECK(PathOf(show, {{"instance", {".."}}}) == "/instances/%2E%2E");
  const Call& reboot = Find("instance", "reboot").calls.front();
  CHECK(PathOf(reboot, {{"instance", {"w"}}}) == "/instances/w/rebootsoft");
  CHECK(PathOf(reboot, {{"instance", {"w"}}, {"hard", {}}}) == "/instances/w/reboothard");
}

TEST_CASE("Verb: a disk is a size, and what it begins with") {
  const json disks = Instance({{"disk", {"8@http://u@h/i.qcow2", "2"}},
                               {"diskspec", {"size=1,type=cdrom,base=http://h/c.iso"}}})["disk"];
  CHECK(disks ==
        json{{{"size", 8}, {"base", "http://u@h/i.qcow2"}, {"bus", nullptr}, {"type", "disk"}},
             {{"size", 2}, {"base", nullptr}, {"bus", nullptr}, {"type", "disk"}},
             {{"size", 1}, {"base", "http://h/c.iso"}, {"type", "cdrom"}}});
  CHECK_THAT(InstanceError({{"disk", {"big"}}}), Contains("the size of a disk"));
  CHECK_THAT(InstanceError({{"diskspec", {"size"}}}), Contains("--diskspec is a list like"));
  CHECK_THAT(InstanceError({}), Contains("an instance has a disk"));
}

TEST_CASE("Verb: networks come in the order floated, short, long") {
  const json networks =
      Instance({{"network", {"front@10.0.0.20"}},
                {"floated", {"back"}},
                {"networkspec", {"network_uuid=dmz,float=True,model=e1000"}}})["network"];
  CHECK(
      networks ==
      json{
          {{"network_uuid", "back"}, {"macaddress", nullptr}, {"model", "virtio"}, {"float", true}},
          {{"network_uuid", "front"},
           {"macaddress", nullptr},
           {"model", "virtio"},
           {"address", "10.0.0.20"}},
          {{"network_uuid", "dmz"}, {"float", true}, {"model", "e1000"}}});
}

TEST_CASE("Verb: the rest of an instance") {
  const test::TestDirectory directory;
  const std::string path = directory / "file";
  std::ofstream(path) << "#!/bin/sh\n";
  const json body = Instance({{"userdata", {path}},
                              {"sshkey", {path}},
                              {"videospec", {"model=qxl,memory=1024"}},
                              {"metadata", {"a=b=c", R"(tags=["x"])"}},
                              {"side-channel", {"one", "two"}},
                              {"placement", {"n2"}},
                              {"uefi", {}}});
  CHECK(body["user_data"] == "IyEvYmluL3NoCg==");
  CHECK(body["ssh_key"] == "#!/bin/sh\n");
  CHECK(body["video"] == json{{"model", "qxl"}, {"memory", 1024}});
  CHECK(body["metadata"] == json{{"a", "b=c"}, {"tags", {"x"}}});
  CHECK(body["side_channels"] == json{"one", "two"});
  CHECK(body["placed_on"] == "n2");
  CHECK(body["uefi"] == true);
  CHECK(body["secure_boot"] == false);

  const json plain = Instance({});
  CHECK(plain["user_data"].is_null());
  CHECK(plain["video"] == json{{"model", "cirrus"}, {"memory", 16384}});
  CHECK(plain["side_channels"] == json::array());
  CHECK_FALSE(plain.contains("placed_on"));
  CHECK_THAT(InstanceError({{"disk", {"1"}}, {"sshkey", {"/none"}}}), Contains("/none cannot be"));
}

TEST_CASE("Verb: little memory has to be meant") {
  Arguments given = {{"name", {"w"}}, {"cpus", {"1"}}, {"memory", {"64"}}, {"disk", {"1"}}};
  CHECK_FALSE(BodyOf(Find("instance", "create"), given));
  given["force"] = {};
  CHECK(BodyOf(Find("instance", "create"), given));
}

TEST_CASE("Verb: the table has no row that cannot be typed") {
  for (const Noun& noun : Nouns()) {
    std::set<std::string_view> verbs;
    for (const Verb& verb : noun.verbs) {
      INFO(noun.name << " " << verb.name);
      CHECK(verbs.insert(verb.name).second);
      CHECK(!verb.help.empty());
      CHECK_THAT(std::string(verb.example), Contains(std::string(verb.name)));
      std::set<std::string> keys;
      for (const Parameter& parameter : verb.parameters) {
        CHECK(!parameter.help.empty());
        CHECK(keys.insert(parameter.Key()).second);
      }
      // Every {capture} of a path is a parameter, or what the call before has answered.
      for (const Call& call : verb.calls) {
        std::string_view path = call.path;
        for (std::size_t at; (at = path.find('{')) != std::string_view::npos;) {
          path.remove_prefix(at + 1);
          const std::string_view capture = path.substr(0, path.find('}'));
          if (capture == "answer") continue;
          CHECK(keys.contains(std::string(capture.substr(0, capture.find('|')))));
        }
      }
    }
  }
}

}  // namespace
}  // namespace sf::cli
