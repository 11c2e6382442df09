// SPDX-License-Identifier: Apache-2.0
#include "node/members.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace sf {
namespace {

using nlohmann::json;

json Member(const std::string& name) {
  return {{"name", name},
          {"address", "192.0.2.1"},
          {"port", 13002},
          {"self", false},
          {"state", "alive"},
          {"since", 1000.0},
          {"incarnation", 2},
          {"role", nullptr},
          {"release", "1.0"},
          {"limit", nullptr},
          {"used", nullptr},
          {"round_trip_ms", nullptr},
          {"suspected_at", nullptr},
          {"evidence", json::array()}};
}

TEST_CASE("Members: who is silent is shown with who found it so, how, and since when") {
  json silent = Member("n2");
  silent["state"] = "unreachable";
  silent["suspected_at"] = 1000.0;
  silent["evidence"] = {
      {{"witness", "n1"}, {"found", "silent"}, {"paths", "UDP, helpers and TCP had no answer"}}};
  json self = Member("n1");
  self["self"] = true;
  self["round_trip_ms"] = 0.25;
  self["used"] = {{"cpus", 1}, {"memory_mb", 512}, {"disk_gb", 8}};
  self["limit"] = {{"cpus", 16}, {"memory_mb", 4096}, {"disk_gb", 100}};

  const std::string table = ToMembersTable({self, silent}, 1005.5);
  CAPTURE(table);
  CHECK(table.find("n1 *") != std::string::npos);
  CHECK(table.find("512/4096") != std::string::npos);
  CHECK(table.find("0.25 ms") != std::string::npos);
  CHECK(table.find("unreachable     5s") != std::string::npos);
  CHECK(table.find("n1 found it silent: UDP, helpers and TCP had no answer") != std::string::npos);
}

TEST_CASE("Members: without a node that runs here, the error says what to do") {
  std::string folder = "/tmp/sf-members.XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  CHECK(FetchMembers(folder).error().message.find("no node has run here yet") == 0);
  std::ofstream(std::filesystem::path(folder) / "local_api.json") << "{}";
  CHECK(FetchMembers(folder).error().message.find("is not what a node wrote") != std::string::npos);
  REQUIRE(WriteLocalApi(folder, {"http://127.0.0.1:1", "token"}));
  CHECK(ReadLocalApi(folder)->token == "token");
  CHECK(FetchMembers(folder).error().message.find("this host's node does not answer") == 0);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sf
