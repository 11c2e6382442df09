// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "gossip/membership.h"
#include "gossip/messages.h"

namespace sf::gossip {

/// Anti-entropy: how two views that differ become equal while only what differs travels.
///
///   A, whose view is not B's:    Buckets: a hash for each bucket of names
///   B, for buckets that differ:  Entries: all that it knows there, each member with its version
///                                (none at all if no bucket differs)
///   A, having believed that:     Entries: the statements that B lacks; Delta: the items that B
///   lacks,
///                                from the version on that it has; Want: which items A lacks
///   B or A, when wanted:         Delta
///
/// A joiner begins with a view of itself alone, so its first exchange is the whole push and pull.
/// A lost datagram loses nothing but time: views go on differing, and so A goes on asking.
///
/// Pure functions of the table. Thread: loop.

Buckets Summarise(const Membership& membership);

/// Each at most `limit` bytes when encoded.
std::vector<Part> Answer(const Membership& membership, const Buckets& theirs, std::size_t limit);

/// To be asked after the statements in `theirs` have been applied.
std::vector<Part> Reconcile(const Membership& membership, const Entries& theirs, std::size_t limit);

std::vector<Part> ItemsSince(const Member& owner, std::uint64_t since, std::size_t limit);

}  // namespace sf::gossip
