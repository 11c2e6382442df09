// SPDX-License-Identifier: Apache-2.0
#include "gossip/membership.h"

#include <algorithm>
#include <cmath>

#include "gossip/random.h"
#include "node/base/check.h"

namespace sf::gossip {
namespace {

// How many versions may be known above one that is missing. More are not believed until the gap is
// closed, which the next comparison of views does.
constexpr std::size_t kMaxBeyond = 256;

bool MayAnswer(MemberState state) { return state < MemberState::kDead; }

Event::Kind ChangeKind(MemberState before, const Statement& now, bool new_life) {
  if (now.state == MemberState::kLeft) return Event::Kind::kLeft;
  if (now.state == MemberState::kSuspect) {
    return before == MemberState::kSuspect ? Event::Kind::kUpdated : Event::Kind::kSuspected;
  }
  if (new_life) return Event::Kind::kRestarted;
  if (before == MemberState::kLeft) return Event::Kind::kJoined;
  return before == MemberState::kAlive ? Event::Kind::kUpdated : Event::Kind::kRecovered;
}

Announcements& AnnouncementsOf(Member& owner) {
  if (owner.announced == nullptr) owner.announced = std::make_unique<Announcements>();
  return *owner.announced;
}

}  // namespace

Membership::Membership(const Config& config, Statement self) : config_(config) {
  self_ = &members_[self.name];
  self_->place = Hash(self.name.value);
  self_->said = std::move(self);
  ring_.Add(*self_);
  alive_ = 1;
  Count(*self_, true);
}

std::uint64_t Membership::Share(const Member& member) const {
  if (!MayAnswer(member.said.state)) return 0;
  const std::size_t witnesses = std::min(member.said.witnesses.size(), config_.witnesses);
  std::uint64_t hash = Mix(member.place ^ member.said.boot);
  hash = Mix(hash ^ member.said.incarnation);
  hash = Mix(hash ^ witnesses);
  return Mix(hash ^ member.complete);
}

void Membership::Count(const Member& member, bool in) {
  static_assert(kMaxBuckets == 256, "a slice is the highest byte of a place");
  const std::uint64_t share = in ? Share(member) : -Share(member);
  view_ += share;
  slices_[member.place >> 56] += static_cast<std::uint32_t>(share);
}

template <class Change>
void Membership::Alter(Member& member, const Change& change) {
  Count(member, false);
  change();
  Count(member, true);
}

// ---- statements -----------------------------------------------------------------------------

Outcome Membership::Apply(const Statement& heard, Time now, std::vector<Event>& events) {
  SF_CHECK(heard.name != self_->said.name);
  Member* const known = members_.Find(heard.name);
  if (known == nullptr) return Admit(heard, now, events);
  Member& member = *known;
  const auto order = Compare(heard, member.said);
  if (order < 0) return Outcome::kStale;
  if (order == 0) return AddWitnesses(member, heard, events);
  Replace(member, heard, now, events);
  return Outcome::kNews;
}

// A member that is gone is news only to those who knew it: were everyone to learn of the dead from
// everyone, nobody could ever forget them (foca, issue 31).
Outcome Membership::Admit(const Statement& heard, Time now, std::vector<Event>& events) {
  if (heard.state == MemberState::kLeft) return Outcome::kKnown;
  if (members_.size() >= config_.max_members) return Outcome::kRefused;
  Member& member = members_[heard.name];
  member.said = heard;
  member.said.state = MemberState::kLeft;  // Enter() makes it what it is, and puts it in the books.
  member.place = Hash(heard.name.value);
  member.suspected = now;
  graves_.emplace(member.since, heard.name);
  Enter(member, heard.state, now);
  events.push_back({Event::Kind::kJoined, member.said});
  if (heard.state == MemberState::kSuspect) {
    events.push_back({Event::Kind::kSuspected, member.said});
  }
  return Outcome::kNews;
}

Outcome Membership::AddWitnesses(Member& member, const Statement& heard,
                                 std::vector<Event>& events) {
  bool added = false;
  Alter(member, [&] {
    std::vector<Witness>& known = member.said.witnesses;
    for (const Witness& witness : heard.witnesses) {
      if (known.size() >= kMaxWitnesses) break;
      const auto same = [&witness](const Witness& other) { return other.name == witness.name; };
      if (std::ranges::any_of(known, same)) continue;
      known.push_back(witness);
      added = true;
    }
  });
  if (!added) return Outcome::kKnown;
  PlanJudgement(member);
  events.push_back({Event::Kind::kUpdated, member.said});
  return Outcome::kNews;
}

void Membership::Replace(Member& member, const Statement& heard, Time now,
                         std::vector<Event>& events) {
  const MemberState before = member.said.state;
  const bool new_life = heard.boot != member.said.boot;
  Alter(member, [&] {
    member.said = heard;
    member.said.state = before;
    member.suspected = now;
    if (new_life) {
      member.complete = 0;
      member.announced.reset();
    }
  });
  Enter(member, heard.state, now);
  events.push_back({ChangeKind(before, member.said, new_life), member.said});
}

// The one place where a state changes, and with it everything that is counted by state.
void Membership::Enter(Member& member, MemberState state, Time now) {
  const MemberState before = member.said.state;
  const NodeId& name = member.said.name;
  if (before == MemberState::kAlive) --alive_;
  if (!MayAnswer(before)) graves_.erase({member.since, name});
  accused_.erase(name);

  Alter(member, [&] { member.said.state = state; });
  if (before != state) member.since = now;

  if (state == MemberState::kAlive) ++alive_;
  if (state == MemberState::kSuspect || state == MemberState::kUnreachable)
    accused_.emplace(name, &member);
  if (!MayAnswer(state)) graves_.emplace(member.since, name);
  MayAnswer(state) ? ring_.Add(member) : ring_.Remove(member);
  PlanJudgement(member);
}

void Membership::SaySelf(Incarnation incarnation, MemberState state) {
  Alter(*self_, [&] {
    self_->said.incarnation = incarnation;
    self_->said.state = state;
  });
}

// ---- verdicts -------------------------------------------------------------------------------

void Membership::Judge(Time now, std::vector<Event>& events) {
  if (now < next_judgement_) return;
  // A verdict may lower the number of witnesses needed for the next, so go on until none is passed.
  for (bool passed = true; passed;) {
    passed = false;
    std::vector<Member*> due;
    for (const auto& [name, member] : accused_) {
      if (JudgementOf(*member) <= now) due.push_back(member);
    }
    for (Member* member : due) passed |= JudgeOne(*member, now, events);
  }
  while (!graves_.empty() && graves_.begin()->first + config_.tombstone <= now) {
    const NodeId name = graves_.begin()->second;
    events.push_back({Event::Kind::kForgotten, members_.at(name).said});
    graves_.erase(graves_.begin());
    members_.Erase(name);
  }
  PlanJudgement();
}

bool Membership::JudgeOne(Member& member, Time now, std::vector<Event>& events) {
  if (member.said.witnesses.size() < WitnessesNeeded()) return false;
  if (now >= DeathOf(member)) {
    Enter(member, MemberState::kDead, now);
    events.push_back({Event::Kind::kDead, member.said});
    return true;
  }
  if (member.said.state == MemberState::kUnreachable) return false;
  Enter(member, MemberState::kUnreachable, now);
  events.push_back({Event::Kind::kUnreachable, member.said});
  return true;
}

// Where fewer than that are alive to testify, all of them must have.
std::size_t Membership::WitnessesNeeded() const {
  return std::max<std::size_t>(1, std::min(config_.witnesses, alive_));
}

// Lifeguard's dynamic suspicion timeout (section IV-B), from as many witnesses as are needed, which
// is no more than a beginning, to as many as will ever be heard. With k possible and c actual
// confirmations beyond those needed it is max - (max - min) * log(c + 1) / log(k + 1).
Time Membership::DeathOf(const Member& member) const {
  const std::vector<Witness>& witnesses = member.said.witnesses;
  const auto frozen = [](const Witness& w) { return w.evidence == Evidence::kFrozen; };
  if (std::ranges::any_of(witnesses, frozen)) return member.suspected + config_.frozen_after;
  const std::size_t needed = WitnessesNeeded();
  const std::size_t possible = std::max(needed, std::min(kEnoughWitnesses, alive_)) - needed;
  if (possible == 0) return member.suspected + config_.dead_after_min;
  const auto confirmed = static_cast<double>(std::min(possible, witnesses.size() - needed));
  const double share = std::log(confirmed + 1) / std::log(static_cast<double>(possible) + 1);
  const auto span = static_cast<double>((config_.dead_after_max - config_.dead_after_min).count());
  return member.suspected + config_.dead_after_max -
         Duration(static_cast<Duration::rep>(span * share));
}

/// When there is something to decide about it. The dead are to be forgotten.
Time Membership::JudgementOf(const Member& member) const {
  if (!MayAnswer(member.said.state)) return member.since + config_.tombstone;
  const bool accused = member.said.state != MemberState::kAlive;
  if (!accused || member.said.witnesses.size() < WitnessesNeeded()) return Time::max();
  return member.said.state == MemberState::kSuspect ? Time::min() : DeathOf(member);
}

void Membership::PlanJudgement() {
  next_judgement_ = graves_.empty() ? Time::max() : graves_.begin()->first + config_.tombstone;
  for (const auto& [name, member] : accused_) {
    next_judgement_ = std::min(next_judgement_, JudgementOf(*member));
  }
}

// Where many are accused, as when a rack is lost, each testimony matters to one of them only; but
// of few members, all depend on how many are left to testify.
void Membership::PlanJudgement(const Member& changed) {
  if (alive_ <= kEnoughWitnesses) return PlanJudgement();
  next_judgement_ = std::min(next_judgement_, JudgementOf(changed));
}

void Membership::Postpone(Duration slept) {
  for (const auto& [name, member] : accused_) member->suspected += slept;
  PlanJudgement();
}

void Membership::NoteRoundTrip(const NodeId& name, Duration round_trip) {
  Member* const member = members_.Find(name);
  if (member != nullptr) member->round_trip = round_trip;
}

// ---- items ----------------------------------------------------------------------------------

Item Membership::Announce(std::uint32_t key, std::string payload) {
  Item item = {.key = key, .version = self_->complete + 1, .payload = std::move(payload)};
  Alter(*self_, [&] {
    AnnouncementsOf(*self_).items[key] = item;
    self_->complete = item.version;
  });
  return item;
}

Outcome Membership::Apply(const Announced& heard, std::vector<Event>& events) {
  Member* const owner = members_.Find(heard.owner);
  if (owner == nullptr || owner->said.boot != heard.boot) return Outcome::kRefused;
  const std::uint64_t version = heard.item.version;
  std::set<std::uint64_t>& beyond = AnnouncementsOf(*owner).beyond;
  if (owner == self_ || version <= owner->complete || beyond.contains(version)) {
    return Outcome::kKnown;
  }
  if (beyond.size() >= kMaxBeyond && version != owner->complete + 1) return Outcome::kRefused;
  if (!Keep(*owner, heard.item, events)) return Outcome::kRefused;
  Alter(*owner, [&] {
    beyond.insert(version);
    while (beyond.erase(owner->complete + 1) != 0) ++owner->complete;
  });
  return Outcome::kNews;
}

void Membership::Apply(const Delta& heard, std::vector<Event>& events) {
  Member* const owner = members_.Find(heard.owner);
  if (owner == nullptr || owner->said.boot != heard.boot) return;
  if (owner == self_ || heard.since > owner->complete) return;
  std::set<std::uint64_t>& beyond = AnnouncementsOf(*owner).beyond;
  for (const Item& item : heard.items) {
    if (item.version <= owner->complete || beyond.contains(item.version)) continue;
    if (!Keep(*owner, item, events)) return;
  }
  Alter(*owner, [&] {
    owner->complete = std::max(owner->complete, heard.through);
    beyond.erase(beyond.begin(), beyond.upper_bound(owner->complete));
    while (beyond.erase(owner->complete + 1) != 0) ++owner->complete;
  });
}

/// False if it is over the limit. An item that a newer one has already replaced is not kept.
bool Membership::Keep(Member& owner, const Item& item, std::vector<Event>& events) {
  std::map<std::uint32_t, Item>& items = AnnouncementsOf(owner).items;
  const auto known = items.find(item.key);
  if (known == items.end()) {
    if (items.size() >= config_.max_items) return false;
  } else if (known->second.version > item.version) {
    return true;
  }
  items[item.key] = item;
  events.push_back({Event::Kind::kAnnounced, owner.said, item});
  return true;
}

}  // namespace sf::gossip
