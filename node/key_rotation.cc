// SPDX-License-Identifier: Apache-2.0
#include "node/key_rotation.h"

#include <fmt/format.h>

#include <thread>
#include <vector>

#include "node/key_ring.h"

namespace sf {
namespace {

/// The nodes that do not use this ring yet. Stopped ones read the ring when they start.
Result<std::vector<NodeRecord>> NodesWithout(const std::string& fingerprint,
                                             const store::Store& store) {
  std::vector<NodeRecord> without;
  for (NodeRecord& node : TRY(store.nodes.List())) {
    if (node.state != "stopped" && node.key_ring != fingerprint) without.push_back(std::move(node));
  }
  return without;
}

Result<void> WaitForAll(const KeyRing& ring, const store::Store& store,
                        const RotationPatience& patience) {
  const auto deadline = std::chrono::steady_clock::now() + patience.answer;
  for (;;) {
    const auto without = TRY(NodesWithout(Fingerprint(ring), store));
    if (without.empty()) return {};
    const NodeRecord& node = without.front();
    if (node.silent_for > static_cast<double>(patience.silence.count())) {
      return Fail(Code::kConflict,
                  "node {} has said nothing to the database for {:.0f} s and would be left with the"
                  " old key: start or delete it first",
                  node.name, node.silent_for);
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return Fail(Code::kTimeout,
                  "node {} has not taken up the new keys within {} s: does it read them from a"
                  " GOSSIP_KEY_FILE?",
                  node.name, patience.answer.count());
    }
    std::this_thread::sleep_for(patience.poll);
  }
}

}  // namespace

Result<void> RotateClusterKey(store::Store& store,
                              const std::function<void(const std::string&)>& say,
                              RotationPatience patience) {
  const std::string stored = TRY(store.cluster.Get(kKeyRingSetting));
  KeyRing present = TRY(ParseKeyRing(stored));
  // Whoever cannot follow is to be found before anything is changed.
  TRY(WaitForAll(present, store, patience));
  constexpr const char* kDone[] = {"every node can open what the new key seals",
                                   "every node seals with the new key",
                                   "the old key is no longer known to anybody"};
  const char* const* done = kDone;
  for (const KeyRing& next : RotationSteps(present, MakeKeyRing().front())) {
    TRY(store.cluster.Replace(kKeyRingSetting, ToString(present), ToString(next)));
    TRY(WaitForAll(next, store, patience));
    say(*done++);
    present = next;
  }
  return {};
}

}  // namespace sf
