// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "gossip/config.h"
#include "gossip/event.h"
#include "gossip/member.h"
#include "gossip/members.h"
#include "gossip/messages.h"
#include "gossip/ring.h"

namespace sf::gossip {

/// What became of something that was heard.
enum class Outcome : std::uint8_t {
  kNews,     ///< believed, and worth passing on
  kKnown,    ///< nothing new
  kStale,    ///< we know better, and the speaker should
  kRefused,  ///< cannot be judged now, or is over a limit; may come again
};

/// The table: who there is, in which state, and what each has announced. Statements go in, in any
/// order and any number of times; verdicts come out by witnesses and time.
///
/// Thread: loop. Invariants: what is known of a member never goes back in the order of Compare()
/// (until it is forgotten); this node itself is in the table and always alive there, until it has
/// left; view() is a function of the living part of the table alone.
class Membership {
 public:
  Membership(const Config& config, Statement self);

  /// Not for statements about this node: those are for it to answer, not to believe.
  Outcome Apply(const Statement& heard, Time now, std::vector<Event>& events);
  Outcome Apply(const Announced& heard, std::vector<Event>& events);
  void Apply(const Delta& heard, std::vector<Event>& events);

  /// This node's own word about itself, and its own items.
  void SaySelf(Incarnation incarnation, MemberState state);
  Item Announce(std::uint32_t key, std::string payload);

  /// Passes the verdicts that are due, and forgets who has been gone for long enough.
  void Judge(Time now, std::vector<Event>& events);
  Time next_judgement() const { return next_judgement_; }
  /// This node was stopped for so long and could hear nobody: nobody's silence counts in it.
  void Postpone(Duration slept);

  void NoteRoundTrip(const NodeId& name, Duration round_trip);

  const Member& self() const { return *self_; }
  const Member* Find(const NodeId& name) const { return members_.Find(name); }
  const Members& members() const { return members_; }
  const Ring& ring() const { return ring_; }
  /// Who is dead or has left, and since when.
  const std::set<std::pair<Time, NodeId>>& graves() const { return graves_; }

  /// A digest of everything that is to be alike on all nodes: of each member that may still answer,
  /// the statement, whether it has witnesses enough, and how much of its items is known.
  std::uint64_t view() const { return view_; }
  /// The same for each slice of the ring, cut as finely as ever.
  const std::array<std::uint32_t, kMaxBuckets>& slices() const { return slices_; }
  /// The part of one member in it; 0 for dead and left ones, which nobody needs to agree on.
  std::uint64_t Share(const Member& member) const;

 private:
  void Count(const Member& member, bool in);
  template <class Change>
  void Alter(Member& member, const Change& change);
  Outcome Admit(const Statement& heard, Time now, std::vector<Event>& events);
  Outcome AddWitnesses(Member& member, const Statement& heard, std::vector<Event>& events);
  void Replace(Member& member, const Statement& heard, Time now, std::vector<Event>& events);
  void Enter(Member& member, MemberState state, Time now);
  bool Keep(Member& owner, const Item& item, std::vector<Event>& events);
  bool JudgeOne(Member& member, Time now, std::vector<Event>& events);
  std::size_t WitnessesNeeded() const;
  Time DeathOf(const Member& member) const;
  Time JudgementOf(const Member& member) const;
  void PlanJudgement();
  void PlanJudgement(const Member& changed);

  const Config& config_;
  Members members_;
  Member* self_;
  Ring ring_;
  std::uint64_t view_ = 0;
  std::array<std::uint32_t, kMaxBuckets> slices_ = {};
  std::size_t alive_ = 0;              // this node is one of them
  std::map<NodeId, Member*> accused_;  // suspect or unreachable
  std::set<std::pair<Time, NodeId>> graves_;
  Time next_judgement_ = Time::max();
};

}  // namespace sf::gossip
