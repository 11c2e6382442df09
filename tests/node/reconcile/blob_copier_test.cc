// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/blob_copier.h"

#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "images/digest.h"
#include "tests/images/test_directory.h"

namespace sf::reconcile {
namespace {

/// Nodes that have files, and how each answers who asks for one.
struct Peers {
  struct Peer {
    std::string bytes = {};
    std::optional<Error> error = {};  ///< after its bytes
    bool reachable = true;
  };
  std::map<NodeId, Peer> peers;
  std::vector<NodeId> asked;
  Metrics metrics;
  test::TestDirectory directory;
  BlobCopier copier{
      {.can_reach = [this](const NodeId& node) { return peers.at(node).reachable; },
       .read = [this](const NodeId& node, const BlobId&, std::uint64_t, const BlobPeers::Sink& sink,
                      const std::stop_token&) -> Result<void> {
         asked.push_back(node);
         const Peer& peer = peers.at(node);
         TRY(sink(peer.bytes));
         if (peer.error) return tl::unexpected(*peer.error);
         return {};
       }},
      metrics};

  /// All of them are known to have `content`.
  Result<BlobLocation> Copy(const std::string& content) {
    std::vector<BlobLocation> holders;
    for (const auto& [node, peer] : peers) {
      holders.push_back({node, static_cast<std::int64_t>(content.size()), images::Sha256(content)});
    }
    return copier.Copy(BlobId("b"), holders, directory / "copy", {}, {});
  }
  bool Says(const std::string& line) const {
    return metrics.Text().find(line) != std::string::npos;
  }
};

const NodeId n1("n1"), n2("n2"), n3("n3");

TEST_CASE("BlobCopier: a node that breaks off or lies is left for the next") {
  Peers scene;
  scene.peers = {{n1, {"con", Error{Code::kUnavailable, "it broke off"}}},
                 {n2, {"c0ntent"}},
                 {n3, {"content"}}};
  for (int i = 0; i < 20; ++i) {
    const auto copied = scene.Copy("content");
    REQUIRE(copied);
    CHECK(copied->node == n3);
    CHECK(test::ReadFile(scene.directory / "copy") == "content");
  }
  CHECK(scene.Says("blob_copies_total 20"));
  CHECK_FALSE(scene.Says("blob_copy_failures_total{reason=\"corrupt\"} 0"));
}

TEST_CASE("BlobCopier: of many that have it each is asked first at some time") {
  Peers scene;
  scene.peers = {{n1, {"content"}}, {n2, {"content"}}, {n3, {"content"}}};
  std::set<NodeId> first;
  for (int i = 0; i < 100 && first.size() < 3; ++i) first.insert(scene.Copy("content")->node);
  CHECK(first.size() == 3);
}

TEST_CASE("BlobCopier: where one that has it is busy, it is worth asking again") {
  Peers scene;
  scene.peers = {{n1, {"", Error{Code::kNotReady, "busy"}}},
                 {n2, {"", Error{Code::kUnavailable, "away"}}}};
  CHECK(scene.Copy("content").error().code == Code::kNotReady);
}

TEST_CASE("BlobCopier: an error names each node and what it said") {
  Peers scene;
  scene.peers = {{n1, {"", Error{Code::kUnavailable, "no route"}}}, {n2, {"content", {}, false}}};
  const Error error = scene.Copy("content").error();
  CHECK(error.code == Code::kUnavailable);
  CHECK(error.message == "blob b was had from no node; node n1: no route");
  CHECK(scene.asked == std::vector{n1});
  scene.peers.at(n1).reachable = false;
  CHECK(scene.Copy("content").error().message == "blob b is on n1, n2, and none answers");
  scene.peers.clear();
  CHECK(scene.Copy("content").error().message == "blob b is on no node");
}

}  // namespace
}  // namespace sf::reconcile
