// SPDX-License-Identifier: Apache-2.0
#include "node/store/reap.h"

#include "node/base/log.h"

namespace sf::store {
namespace {

// Deleted objects stay readable by their UUID for an hour, as clients that wait for the end of one
// expect; namespaces for seconds only, because an ansible task takes a deleted one for a live one.
constexpr double kDeletedAge = 3600;
constexpr double kDeletedNamespaceAge = 10;
constexpr double kEventAge = 90 * 86400.0;
constexpr int kBatch = 500;

template <class T>
void Say(const char* what, const Result<T>& done) {
  if (!done) log::Warn("reaping {} failed error={}", what, done.error().message);
}

}  // namespace

void Reap(Store& store) {
  Say("snapshots", store.snapshots.Reap(kDeletedAge));
  Say("agent operations", store.agent_operations.Reap(kBatch));
  Say("instances", store.instances.Reap(kDeletedAge, kBatch));
  Say("networks", store.networks.Reap(kDeletedAge, kBatch));
  Say("artifacts", store.artifacts.Reap(kDeletedAge, kBatch));
  Say("sources", store.image_sources.Reap(kBatch));
  Say("namespaces", store.namespaces.Reap(kDeletedNamespaceAge));
  Say("events", store.events.Prune(kEventAge, kBatch));
}

}  // namespace sf::store
