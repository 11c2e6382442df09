// SPDX-License-Identifier: Apache-2.0
#include "node/cluster_view.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "node/base/netblock.h"
#include "node/cluster.h"
#include "node/private_file.h"
#include "node/role_keeper.h"

namespace sf {
namespace {

using gossip::MemberState;

NodeRecord Row(const std::string& name, const std::string& state, double silent_for) {
  NodeRecord node;
  node.name = NodeId(name);
  node.state = state;
  node.silent_for = silent_for;
  return node;
}

TEST_CASE("ClusterView: a row's state is corrected by what gossip knows") {
  struct Example {
    std::string row;
    std::optional<MemberState> member;
    double silent_for;
    std::string shown;
  };
  const auto example = GENERATE(values<Example>({
      {"created", MemberState::kAlive, 5, "created"},
      {"created", MemberState::kAlive, 500, "created"},  // it lives, and only the database is far
      {"created", MemberState::kSuspect, 5, "created"},
      {"created", MemberState::kUnreachable, 5, "missing"},
      {"created", MemberState::kDead, 5, "missing"},
      {"created", MemberState::kLeft, 5, "stopped"},
      {"created", std::nullopt, 5, "created"},
      {"created", std::nullopt, 31, "missing"},
      {"stopping", MemberState::kAlive, 5, "stopping"},
      {"stopping", MemberState::kLeft, 5, "stopped"},
      {"stopping", MemberState::kDead, 5, "missing"},  // it did not come to an end of its own
      {"stopped", MemberState::kDead, 500, "stopped"},
      {"error", MemberState::kAlive, 5, "error"},
  }));
  ClusterView view;
  if (example.member) {
    MemberView member;
    member.name = NodeId("n1");
    member.state = *example.member;
    view.members = {member};
  }
  NodeRecord node = Row("n1", example.row, example.silent_for);
  CorrectState(node, view);
  CAPTURE(example.row, example.silent_for);
  CHECK(node.state == example.shown);
}

TEST_CASE("ClusterView: a member is found by its name, and no other is") {
  ClusterView view;
  for (const char* name : {"a", "b", "d"}) {
    view.members.emplace_back();
    view.members.back().name = NodeId(name);
  }
  CHECK(view.Find(NodeId("b")) == &view.members[1]);
  CHECK(view.Find(NodeId("c")) == nullptr);
  CHECK(view.Find(NodeId("e")) == nullptr);
}

TEST_CASE("Cluster: remembered peers are read back, and lines that are none are left out") {
  const auto peers =
      ParsePeers("192.0.2.1:13002\nnonsense\n192.0.2.2:0\n1.2.3:4\n\n10.0.0.1:65535");
  REQUIRE(peers.size() == 2);
  CHECK(ToString(IpAddress{peers[0].ip}) == "192.0.2.1");
  CHECK(peers[0].port == 13002);
  CHECK(peers[1].port == 65535);
}

TEST_CASE("RoleKeeper: what it remembers survives, and a spoiled memory is none") {
  std::string folder = "/tmp/sf-role.XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::filesystem::path path = std::filesystem::path(folder) / "role.json";
  CHECK(ReadRoleMemory(path) == gossip::Tenure());
  REQUIRE(WriteRoleMemory(path, {7, NodeId("n2")}));
  CHECK(ReadRoleMemory(path) == gossip::Tenure{7, NodeId("n2")});
  REQUIRE(WritePrivateFile(path, "{\"term\": -1, \"holder\": 3}"));
  CHECK(ReadRoleMemory(path) == gossip::Tenure());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sf
