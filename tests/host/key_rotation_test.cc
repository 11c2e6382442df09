// SPDX-License-Identifier: Apache-2.0
#include "node/key_rotation.h"

#include <catch2/catch.hpp>

#include "node/key_ring.h"
#include "tests/host/test_store.h"

namespace {

using namespace sf;
using namespace sf::test;
using namespace std::chrono_literals;

/// A node that takes up whatever ring is stored, as soon as it looks, and notes what it saw.
class FollowingNode {
 public:
  explicit FollowingNode(TestStore& store)
      : thread_([this, &store](const std::stop_token& stop) {
          while (!stop.stop_requested()) {
            const auto ring = ParseKeyRing(store.cluster.Get(kKeyRingSetting).value());
            if (seen.empty() || seen.back() != *ring) seen.push_back(*ring);
            (void)store.nodes.Heartbeat(store.n1, {}, Fingerprint(*ring));
            std::this_thread::sleep_for(1ms);
          }
        }) {}
  void Stop() {
    thread_.request_stop();
    thread_.join();
  }

  std::vector<KeyRing> seen;

 private:
  std::jthread thread_;
};

constexpr RotationPatience kPatience = {.answer = 20s, .silence = 30s, .poll = 1ms};

TEST_CASE("RotateClusterKey: every node goes through every step, and ends with a new key",
          "[host]") {
  TestStore store;
  const KeyRing old = MakeKeyRing();
  REQUIRE(store.cluster.GetOrMake(kKeyRingSetting, ToString(old)));
  FollowingNode node(store);
  int steps = 0;
  const auto done = RotateClusterKey(
      store, [&](const std::string&) { ++steps; }, kPatience);
  node.Stop();
  REQUIRE(done);
  CHECK(steps == 3);
  REQUIRE(node.seen.size() == 4);
  CHECK(node.seen[0] == old);
  CHECK(node.seen[1] == KeyRing{old[0], node.seen[3][0]});
  CHECK(node.seen[2] == KeyRing{node.seen[3][0], old[0]});
  CHECK(node.seen[3].size() == 1);
}

TEST_CASE("RotateClusterKey: a node that cannot follow is named, and nothing is changed",
          "[host]") {
  TestStore store;
  const std::string old = ToString(MakeKeyRing());
  REQUIRE(store.cluster.GetOrMake(kKeyRingSetting, old));
  store.Age("nodes", "heartbeat", 100);
  const auto done = RotateClusterKey(
      store, [](const std::string&) {}, kPatience);
  REQUIRE_FALSE(done);
  CHECK(done.error().message.find("node n1 has said nothing to the database for 10") == 0);
  CHECK(store.cluster.Get(kKeyRingSetting).value() == old);
}

TEST_CASE("RotateClusterKey: one that was interrupted can be begun again", "[host]") {
  TestStore store;
  KeyRing halfway = MakeKeyRing();
  halfway.push_back(MakeKeyRing().front());
  REQUIRE(store.cluster.GetOrMake(kKeyRingSetting, ToString(halfway)));
  FollowingNode node(store);
  const auto done = RotateClusterKey(
      store, [](const std::string&) {}, kPatience);
  node.Stop();
  REQUIRE(done);
  CHECK(node.seen.back().size() == 1);
  CHECK(node.seen.back() != KeyRing{halfway[0]});
}

}  // namespace
