// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include "node/base/id.h"
#include "node/model/blob.h"

namespace sf::reconcile {

/// A node that is not lost, so that the files it has still count.
struct CopyNode {
  NodeId name;
  bool up = false;  ///< it answers: gives files, and takes them
  std::int64_t room_bytes = 0;
};

/// What copies are planned by.
struct CopyScene {
  const std::vector<BlobCopies>& blobs;
  const std::vector<CopyNode>& nodes;
  const NodeId& self;
  std::size_t copies = 1;  ///< of each blob, on as many nodes
};

struct CopyPlan {
  std::vector<BlobId> to_copy;   ///< by `self`, those first of which there are fewest
  std::vector<BlobId> may_drop;  ///< the files of `self` that are too many, the longest first
  std::set<NodeId> others;       ///< that are to copy what `self` has

  // Of all nodes together, for people.
  std::size_t too_few = 0;       ///< blobs with fewer copies than there could be nodes for
  std::size_t without_room = 0;  ///< of these, those for which no node has room
  std::size_t out_of_reach = 0;  ///< blobs that no node has which answers
};

/// Which stored blobs `self` is to copy, and which of its copies are too many. Pure.
///
/// Who takes a copy is drawn by lot, the same on every node (rendezvous hashing), among those that
/// are up, have room and have not got it; so no two nodes take the same one, and the loss of a node
/// is made good by all the others. A node that is away keeps what it has: nothing is copied because
/// somebody reboots. One that takes a copy already goes on, whoever else comes or goes.
///
/// No file is too many unless as many other nodes as there are to be copies have one and are up.
/// That it may go is for the database to say, as two nodes could think so of each other's.
CopyPlan PlanCopies(const CopyScene& scene);

}  // namespace sf::reconcile
