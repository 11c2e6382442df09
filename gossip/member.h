// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "node/base/id.h"

namespace sf::gossip {

using Duration = std::chrono::microseconds;
/// A moment of the caller's monotonic clock. Only differences count: clocks of two nodes are never
/// compared.
using Time = std::chrono::time_point<std::chrono::steady_clock, Duration>;

/// How often a member has had to speak up for itself (SWIM, section 4.2). Only the member raises
/// it.
using Incarnation = std::uint64_t;

/// New at each start: tells a member that forgot everything from one that was merely silent. The
/// wall clock's seconds above 32 random bits, so that of two lives the earlier is the smaller one.
using BootId = std::uint64_t;

/// IPv4, as the rest of the node; host byte order.
struct Address {
  std::uint32_t ip = 0;
  std::uint16_t port = 0;
  auto operator<=>(const Address&) const = default;
};

/// In the order in which, within one incarnation, a later one overrides an earlier one.
enum class MemberState : std::uint8_t {
  kAlive,
  kSuspect,      ///< Somebody found it silent; it has not answered to that yet.
  kUnreachable,  ///< Two members found it so. Fast: nothing new is placed there.
  kDead,         ///< And it stayed so. Slow: what it owned may be taken over.
  kLeft,         ///< By its own word.
};

/// What a witness saw of a silent member. The kernel's word tells a dead process (a reset, an ICMP
/// error: the host is there) and a frozen one (TCP is still accepted) from a silent host.
enum class Evidence : std::uint8_t { kSilent, kFrozen, kGone };

struct Witness {
  NodeId name;
  Evidence evidence = Evidence::kSilent;
  auto operator<=>(const Witness&) const = default;
};

/// More witnesses than these add no certainty, only bytes (Lifeguard, section IV-B: K = 3). As some
/// testify at the same moment, there may be a few more, and those are kept too.
constexpr std::size_t kEnoughWitnesses = 3;
constexpr std::size_t kMaxWitnesses = 6;

/// One sentence about one member: what travels between nodes.
///
/// Verdicts do not travel: on the wire a member is alive, suspect or gone by its own word. Each
/// node comes to `unreachable` and `dead` by itself, from witnesses and its own clock, so that one
/// sick node cannot have its opinion believed, and two halves of a healed network do not first
/// bury each other with what they believed while apart.
struct Statement {
  NodeId name;
  Address address;
  BootId boot = 0;
  Incarnation incarnation = 0;
  MemberState state = MemberState::kAlive;
  std::vector<Witness> witnesses = {};  ///< of a suspicion; at most kMaxWitnesses, no two alike
  bool operator==(const Statement&) const = default;
};

/// The state as others are told of it.
constexpr MemberState OnWire(MemberState state) {
  return state == MemberState::kUnreachable || state == MemberState::kDead ? MemberState::kSuspect
                                                                           : state;
}

/// Which of two statements about one member is believed. Greater wins, everywhere, in whatever
/// order they arrive; equal ones differ in their witnesses at most, and those add up.
///
/// An incarnation belongs to a life of a process, so an accusation is about one boot: two lives
/// that meet in one incarnation (a restart without memory, a name given twice) are told apart by
/// boot id, alike on all nodes. The earlier wins, so that a newcomer cannot displace who was there;
/// if that one is gone, the newcomer hears of it, makes sure, and raises its incarnation.
inline std::strong_ordering Compare(const Statement& a, const Statement& b) {
  if (const auto order = a.incarnation <=> b.incarnation; order != 0) return order;
  if (const auto order = b.boot <=> a.boot; order != 0) return order;
  return OnWire(a.state) <=> OnWire(b.state);
}

/// One thing that a node says of itself: the newest payload under a key of its choice. An empty
/// payload takes it back.
struct Item {
  std::uint32_t key = 0;
  std::uint64_t version = 0;  ///< counts all items of this owner in this boot, from 1
  std::string payload;
  bool operator==(const Item&) const = default;
};

/// What one node knows of what one member has announced.
struct Announcements {
  std::map<std::uint32_t, Item> items;  ///< by key
  std::set<std::uint64_t> beyond;       ///< versions known above the first one that is missing
};

/// What one node knows of one member. There may be ten thousand, each known to all.
struct Member {
  Statement said;              ///< with this node's own verdict as its state
  std::uint64_t place = 0;     ///< Hash(name): where on the ring, in which bucket
  Time since = {};             ///< when it came to be in this state
  Time suspected = {};         ///< when this node first heard of the present suspicion
  Duration round_trip = {};    ///< of the last probe that it answered; 0: none yet
  std::uint64_t complete = 0;  ///< every version of its items up to here is known
  std::unique_ptr<Announcements> announced = nullptr;  ///< null: nothing

  const std::map<std::uint32_t, Item>& items() const {
    static const std::map<std::uint32_t, Item> kNone;
    return announced == nullptr ? kNone : announced->items;
  }
};

}  // namespace sf::gossip
