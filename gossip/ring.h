// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "gossip/member.h"

namespace sf::gossip {

/// The members that may still answer (alive, suspect, unreachable), in one shuffled order that is
/// the same on every node because it is that of their names' hashes.
///
/// Three things are read from it, and need no word between nodes: who probes whom (SWIM's
/// round-robin, section 4.3, made common to all), who double-checks a suspicion, and which members
/// lie between two others, so that the telling of news can be shared out. Views that differ for a
/// moment bend all three a little and break none.
///
/// Thread: loop. Members are borrowed and must outlive their place here.
class Ring {
 public:
  void Add(const Member& member);
  void Remove(const Member& member);

  std::size_t size() const { return members_.size(); }
  const Member& at(std::size_t index) const { return *members_[index % members_.size()]; }

  /// Whom `self` probes in this round. In one round everyone is the target of exactly one member;
  /// the turns of those just before it that are unreachable fall to `self` too, so that after the
  /// loss of a rack, or on the small side of a partition, nobody's probe goes missing.
  std::vector<const Member*> Targets(const Member& self, std::uint64_t round) const;

  /// The `count` live members that follow `member`, without those that have testified already.
  std::vector<const Member*> Confirmers(const Member& member, std::size_t count) const;

  /// Some neighbours on the ring, as indices for at(). Valid until the ring changes.
  struct Arc {
    std::size_t first = 0;
    std::size_t size = 0;
  };
  /// Everyone, beginning with the first from `place` on.
  Arc All(std::uint64_t place) const;
  /// Those between two places; nobody if they are the same.
  Arc Between(std::uint64_t after, std::uint64_t until) const;
  /// Those in the `index`th of `slices` equal slices of all places; `slices` is a power of two.
  Arc Slice(std::size_t index, std::size_t slices) const;

 private:
  std::optional<std::size_t> IndexOf(const Member& member) const;
  std::size_t From(std::uint64_t place) const;

  std::vector<const Member*> members_;  // by (place, name)
};

}  // namespace sf::gossip
