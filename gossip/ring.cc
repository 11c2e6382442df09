// SPDX-License-Identifier: Apache-2.0
#include "gossip/ring.h"

#include <algorithm>
#include <bit>

#include "gossip/random.h"

namespace sf::gossip {
namespace {

bool Before(const Member* a, const Member* b) {
  return a->place != b->place ? a->place < b->place : a->said.name < b->said.name;
}

bool Testified(const Member& witness, const Statement& accusation) {
  return std::ranges::any_of(accusation.witnesses, [&witness](const Witness& known) {
    return known.name == witness.said.name;
  });
}

}  // namespace

void Ring::Add(const Member& member) {
  const auto spot = std::ranges::lower_bound(members_, &member, Before);
  if (spot == members_.end() || *spot != &member) members_.insert(spot, &member);
}

void Ring::Remove(const Member& member) {
  if (const auto index = IndexOf(member)) {
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(*index));
  }
}

std::vector<const Member*> Ring::Targets(const Member& self, std::uint64_t round) const {
  std::vector<const Member*> targets;
  const auto index = IndexOf(self);
  if (!index || size() < 2) return targets;
  const std::size_t shift = 1 + Mix(round) % (size() - 1);
  for (std::size_t prober = *index + size(); prober > *index; --prober) {
    const bool own_turn = prober == *index + size();
    if (!own_turn && at(prober).said.state != MemberState::kUnreachable) break;
    const Member& target = at(prober + shift);
    if (&target != &self) targets.push_back(&target);
  }
  return targets;
}

std::vector<const Member*> Ring::Confirmers(const Member& member, std::size_t count) const {
  std::vector<const Member*> found;
  const auto index = IndexOf(member);
  if (!index) return found;
  for (std::size_t i = 1; i < size() && found.size() < count; ++i) {
    const Member& next = at(*index + i);
    if (next.said.state == MemberState::kAlive && !Testified(next, member.said)) {
      found.push_back(&next);
    }
  }
  return found;
}

Ring::Arc Ring::All(std::uint64_t place) const { return {From(place), size()}; }

Ring::Arc Ring::Between(std::uint64_t after, std::uint64_t until) const {
  if (after == until) return {};
  const std::size_t first = From(after + 1);
  return {first, (From(until) + size() - first) % size()};
}

Ring::Arc Ring::Slice(std::size_t index, std::size_t slices) const {
  const int shift = 64 - std::countr_zero(slices);
  const auto begins = [&](std::size_t slice) {
    if (slice == slices) return members_.end();
    const std::uint64_t place = slices == 1 ? 0 : std::uint64_t{slice} << shift;
    return std::ranges::lower_bound(members_, place, {}, &Member::place);
  };
  const auto first = begins(index);
  return {static_cast<std::size_t>(first - members_.begin()),
          static_cast<std::size_t>(begins(index + 1) - first)};
}

/// The index of the first member from `place` on.
std::size_t Ring::From(std::uint64_t place) const {
  const auto spot = std::ranges::lower_bound(members_, place, {}, &Member::place);
  return static_cast<std::size_t>(spot - members_.begin()) % size();
}

std::optional<std::size_t> Ring::IndexOf(const Member& member) const {
  const auto spot = std::ranges::lower_bound(members_, &member, Before);
  if (spot == members_.end() || *spot != &member) return std::nullopt;
  return static_cast<std::size_t>(spot - members_.begin());
}

}  // namespace sf::gossip
