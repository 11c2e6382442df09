// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/copy_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>

namespace sf::reconcile {
namespace {

using Ids = std::vector<BlobId>;

/// A cluster that can be asked what each of its nodes plans, and be let do it.
struct Cluster {
  std::vector<CopyNode> nodes;
  std::vector<BlobCopies> blobs;
  std::size_t copies = 2;

  explicit Cluster(int count) {
    for (int i = 0; i < count; ++i) nodes.push_back({NodeId(fmt::format("n{}", i)), true, 100});
  }
  static NodeId N(int i) { return NodeId(fmt::format("n{}", i)); }

  void Add(const char* blob, std::set<NodeId> holders, std::int64_t bytes = 1) {
    blobs.push_back({BlobId(blob), bytes, std::move(holders)});
  }
  /// So many blobs, each on the node that took it in.
  void AddMany(int count) {
    for (int i = 0; i < count; ++i) {
      blobs.push_back({BlobId(fmt::format("blob-{}", i)),
                       1,
                       {nodes[static_cast<std::size_t>(i) % nodes.size()].name}});
    }
  }
  CopyPlan Plan(const NodeId& self) const { return PlanCopies({blobs, nodes, self, copies}); }
  CopyPlan Plan(int self) const { return Plan(N(self)); }

  /// Which nodes take a copy of each blob, each by its own plan.
  std::map<BlobId, std::set<NodeId>> Takers() const {
    std::map<BlobId, std::set<NodeId>> takers;
    for (const CopyNode& node : nodes) {
      if (!node.up) continue;
      for (const BlobId& blob : Plan(node.name).to_copy) takers[blob].insert(node.name);
    }
    return takers;
  }
  void CopyAll() {
    const auto takers = Takers();
    for (BlobCopies& blob : blobs) {
      const auto found = takers.find(blob.blob);
      if (found != takers.end()) blob.holders.insert(found->second.begin(), found->second.end());
    }
  }
  std::size_t TooFew() const { return Plan(nodes.front().name).too_few; }
};

TEST_CASE("PlanCopies: each blob is copied by as many nodes as it lacks, and then all is quiet") {
  const std::size_t copies = GENERATE(1, 2, 3, 9);
  Cluster cluster(5);
  cluster.copies = copies;
  cluster.AddMany(200);
  const std::size_t possible = std::min<std::size_t>(copies, 5);
  CHECK(cluster.TooFew() == (copies == 1 ? 0 : 200));
  for (const auto& [blob, takers] : cluster.Takers()) CHECK(takers.size() == possible - 1);
  cluster.CopyAll();
  for (const BlobCopies& blob : cluster.blobs) CHECK(blob.holders.size() == possible);
  CHECK(cluster.Takers().empty());
  CHECK(cluster.TooFew() == 0);
}

TEST_CASE("PlanCopies: copies are spread over the nodes") {
  Cluster cluster(5);
  for (int i = 0; i < 1000; ++i) cluster.Add(fmt::format("b{}", i).c_str(), {Cluster::N(0)});
  for (int i = 1; i < 5; ++i) {
    const auto share = cluster.Plan(i).to_copy.size();
    CAPTURE(i, share);
    CHECK((share > 200 && share < 300));
  }
}

TEST_CASE("PlanCopies: who has a blob knows who is to copy it") {
  Cluster cluster(4);
  cluster.Add("b", {Cluster::N(0)});
  const auto takers = cluster.Takers();
  CHECK(cluster.Plan(0).others == takers.at(BlobId("b")));
  for (int i = 1; i < 4; ++i) CHECK(cluster.Plan(i).others.empty());
}

TEST_CASE("PlanCopies: what a lost node had is made good by all, and nothing else moves") {
  Cluster cluster(6);
  cluster.AddMany(300);
  cluster.CopyAll();
  const NodeId lost = cluster.nodes.back().name;
  cluster.nodes.pop_back();
  const auto takers = cluster.Takers();
  std::set<NodeId> busy;
  for (const BlobCopies& blob : cluster.blobs) {
    CHECK(takers.contains(blob.blob) == blob.holders.contains(lost));
  }
  for (const auto& [blob, nodes] : takers) {
    CHECK(nodes.size() == 1);
    busy.insert(nodes.begin(), nodes.end());
  }
  CHECK(busy.size() == 5);
  cluster.CopyAll();
  CHECK(cluster.TooFew() == 0);

  // It is back, with its files: they are too many, and of each blob two remain wanted.
  cluster.nodes.push_back({lost, true, 100});
  CHECK(cluster.Takers().empty());
}

TEST_CASE("PlanCopies: for a node that is away nothing is copied, and none is asked of it") {
  Cluster cluster(3);
  cluster.AddMany(50);
  cluster.CopyAll();
  cluster.nodes[1].up = false;
  CHECK(cluster.Takers().empty());
  CHECK(cluster.TooFew() == 0);
  cluster.Add("only-there", {Cluster::N(1)});
  cluster.Add("nowhere", {});
  CHECK(cluster.Takers().empty());
  CHECK(cluster.Plan(0).out_of_reach == 2);
}

TEST_CASE("PlanCopies: a node that comes takes over no copy that is under way") {
  Cluster cluster(2);
  cluster.AddMany(100);
  for (BlobCopies& blob : cluster.blobs) blob.coming = {Cluster::N(0), Cluster::N(1)};
  for (int i = 2; i < 5; ++i) cluster.nodes.push_back({Cluster::N(i), true, 100});
  CHECK(cluster.Takers().empty());
  // Unless who was at it is gone.
  cluster.nodes[1].up = false;
  CHECK_FALSE(cluster.Takers().empty());
}

TEST_CASE("PlanCopies: whoever has no room is passed over, and it is said when nobody has") {
  Cluster cluster(3);
  cluster.Add("large", {Cluster::N(0)}, 50);
  const NodeId first = *cluster.Takers().at(BlobId("large")).begin();
  const auto node = std::ranges::find(cluster.nodes, first, &CopyNode::name);
  node->room_bytes = 49;
  const auto takers = cluster.Takers().at(BlobId("large"));
  CHECK(takers.size() == 1);
  CHECK_FALSE(takers.contains(first));
  CHECK(cluster.Plan(0).without_room == 0);
  for (CopyNode& other : cluster.nodes) other.room_bytes = 49;
  CHECK(cluster.Takers().empty());
  CHECK(cluster.Plan(0).without_room == 1);
  CHECK(cluster.TooFew() == 1);
}

TEST_CASE("PlanCopies: only what enough others have that are up is too many") {
  Cluster cluster(4);
  cluster.Add("one", {Cluster::N(0)});
  cluster.Add("two", {Cluster::N(0), Cluster::N(1)});
  cluster.Add("short", {Cluster::N(0), Cluster::N(1), Cluster::N(2)}, 1);
  cluster.Add("long", {Cluster::N(0), Cluster::N(1), Cluster::N(2), Cluster::N(3)}, 9);
  cluster.Add("elsewhere", {Cluster::N(1), Cluster::N(2), Cluster::N(3)});
  cluster.Add("lost", {Cluster::N(0), Cluster::N(1), NodeId("lost")});
  cluster.Add("coming", {Cluster::N(0), Cluster::N(1)});
  cluster.blobs.back().coming = {Cluster::N(2)};
  CHECK(cluster.Plan(0).may_drop == Ids{BlobId("long"), BlobId("short")});
  cluster.nodes[1].up = false;
  CHECK(cluster.Plan(0).may_drop == Ids{BlobId("long")});
  cluster.nodes[2].up = false;
  CHECK(cluster.Plan(0).may_drop.empty());
}

TEST_CASE("PlanCopies: of which there are fewest comes first") {
  Cluster cluster(4);
  cluster.copies = 3;
  cluster.Add("a-two", {Cluster::N(0), Cluster::N(1)});
  cluster.Add("b-one", {Cluster::N(0)});
  cluster.nodes[3].up = false;  // of the one that is left, both
  CHECK(cluster.Plan(2).to_copy == Ids{BlobId("b-one"), BlobId("a-two")});
}

TEST_CASE("PlanCopies: one node alone lacks nothing") {
  Cluster cluster(1);
  cluster.AddMany(3);
  CHECK(cluster.Plan(0).to_copy.empty());
  CHECK(cluster.TooFew() == 0);
  CHECK(cluster.Plan(NodeId("unknown")).to_copy.empty());
}

}  // namespace
}  // namespace sf::reconcile
