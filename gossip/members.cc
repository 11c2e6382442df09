// SPDX-License-Identifier: Apache-2.0
#include "gossip/members.h"

#include <algorithm>

#include "node/base/check.h"

namespace sf::gossip {

Member* Members::Find(const NodeId& name) {
  const auto place = From(name);
  return place != places_.end() && (*place)->said.name == name ? place->get() : nullptr;
}

const Member& Members::at(const NodeId& name) const {
  const Member* const member = Find(name);
  SF_CHECK(member != nullptr);
  return *member;
}

Member& Members::operator[](const NodeId& name) {
  const auto place = From(name);
  if (place != places_.end() && (*place)->said.name == name) return **place;
  auto member = std::make_unique<Member>();
  member->said.name = name;
  return **places_.insert(place, std::move(member));
}

void Members::Erase(const NodeId& name) {
  const auto place = From(name);
  if (place != places_.end() && (*place)->said.name == name) places_.erase(place);
}

/// The first that is not before `name`.
Members::Places::iterator Members::From(const NodeId& name) {
  return std::ranges::lower_bound(
      places_, name, {}, [](const auto& member) -> const NodeId& { return member->said.name; });
}

}  // namespace sf::gossip
