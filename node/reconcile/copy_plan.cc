// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/copy_plan.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "node/model/lot.h"

namespace sf::reconcile {
namespace {

struct Count {
  std::size_t kept = 0;    ///< on nodes that are not lost
  std::size_t givers = 0;  ///< of these, on nodes that are up
  std::size_t coming = 0;
  std::size_t full = 0;  ///< nodes that could take one, but for want of room
  std::vector<NodeId> takers = {};
};

Count CountCopies(const BlobCopies& blob, const std::vector<CopyNode>& nodes) {
  Count count;
  for (const CopyNode& node : nodes) {
    if (blob.holders.contains(node.name)) {
      ++count.kept;
      if (node.up) ++count.givers;
    } else if (node.up && blob.coming.contains(node.name)) {
      ++count.coming;
    } else if (node.up && node.room_bytes < blob.bytes) {
      ++count.full;
    } else if (node.up) {
      count.takers.push_back(node.name);
    }
  }
  return count;
}

/// Leaves those `wanted` that drew the highest lots.
void Draw(std::vector<NodeId>& nodes, const BlobId& blob, std::size_t wanted) {
  std::ranges::sort(nodes, std::greater(),
                    [&](const NodeId& node) { return std::pair(Lot(node, blob.value), node); });
  nodes.resize(std::min(nodes.size(), wanted));
}

template <class Key>
std::vector<BlobId> InOrder(std::vector<std::pair<Key, BlobId>> blobs) {
  std::ranges::sort(blobs);
  std::vector<BlobId> sorted;
  sorted.reserve(blobs.size());
  for (auto& [key, blob] : blobs) sorted.push_back(std::move(blob));
  return sorted;
}

}  // namespace

CopyPlan PlanCopies(const CopyScene& scene) {
  CopyPlan plan;
  std::vector<std::pair<std::size_t, BlobId>> to_copy;
  std::vector<std::pair<std::int64_t, BlobId>> may_drop;
  for (const BlobCopies& blob : scene.blobs) {
    auto [kept, givers, coming, full, takers] = CountCopies(blob, scene.nodes);
    const bool here = blob.holders.contains(scene.self);
    if (kept < std::min(scene.copies, scene.nodes.size())) ++plan.too_few;
    if (here && givers > scene.copies) may_drop.emplace_back(-blob.bytes, blob.blob);
    if (givers == 0) {
      ++plan.out_of_reach;
      continue;
    }
    const std::size_t missing = scene.copies - std::min(scene.copies, kept + coming);
    if (takers.size() < missing && full > 0) ++plan.without_room;
    Draw(takers, blob.blob, missing);
    for (const NodeId& taker : takers) {
      if (taker == scene.self) {
        to_copy.emplace_back(kept, blob.blob);
      } else if (here) {
        plan.others.insert(taker);
      }
    }
  }
  plan.to_copy = InOrder(std::move(to_copy));
  plan.may_drop = InOrder(std::move(may_drop));
  return plan;
}

}  // namespace sf::reconcile
