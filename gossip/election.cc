// SPDX-License-Identifier: Apache-2.0
#include "gossip/election.h"

#include <algorithm>
#include <utility>

#include "gossip/random.h"

namespace sf::gossip {
namespace {

using std::chrono::milliseconds;

// Ticks are never further apart, so that a sleep is noticed as one.
constexpr Duration kIdle = milliseconds(1000);
// A tick so late means that this node was stopped, and what it holds of others is that old.
constexpr Duration kLate = milliseconds(500);
// Between two signs of life while others are near: gossip probes everyone once a second.
constexpr Duration kInTouch = milliseconds(1500);
constexpr std::size_t kMaxGreeted = 8;

bool Lives(const Member& member) { return member.said.state <= MemberState::kSuspect; }
bool IsGone(const Member& member) { return member.said.state >= MemberState::kDead; }

}  // namespace

std::uint64_t RankOf(const NodeId& node) {
  return Mix(Hash("network-services") ^ Hash(node.value));
}

Election::Election(ElectionConfig config, NodeId self, const Members& members,
                   const Directory& directory, Tenure remembered, Time now)
    : config_(config),
      self_(std::move(self)),
      members_(members),
      directory_(directory),
      known_(std::move(remembered)),
      known_since_(now),
      remembered_(known_),
      capable_since_(now),
      doubted_(now),
      last_call_(now),
      next_tick_(now) {}

Wishes Election::Tick(Time now) {
  Wake(now);
  return Finish(now);
}

Wishes Election::SetCapable(bool capable, Time now) {
  Wake(now);
  if (capable_ != capable) capable_since_ = now;
  capable_ = capable;
  return Finish(now);
}

Wishes Election::OnRow(const Tenure& row, Time now) {
  Wake(now);
  const Time asked = asked_.value_or(now);
  asked_.reset();
  row_ = row;
  row_state_ = Row::kAnswers;
  // The row is the referee even of two who both mean the same term: a database set back to an older
  // state may have given it away twice.
  if (!Learn(row, now) && row.term == known_.term && row.holder != known_.holder) {
    known_ = row;
    confirmed_ = false;
  }
  // An answer that has been on its way for longer than this node has its doubts settles none.
  if (row == known_ && Holds() && asked >= doubted_) confirmed_ = true;
  return Finish(now);
}

Wishes Election::OnRowAway(Time now) {
  Wake(now);
  asked_.reset();
  row_state_ = Row::kAway;
  return Finish(now);
}

void Election::NoteContact(Time now) {
  if (contact_began_ == Time::max() || now > last_contact_ + kInTouch) contact_began_ = now;
  last_contact_ = now;
}

Wishes Election::Leave(Time now) {
  Wake(now);
  leaving_ = true;
  return Finish(now);
}

bool Election::settled() const {
  return leaving_ && (!Holds() || row_state_ == Row::kAway || !Successor());
}

bool Election::Serving() const { return confirmed_ && Holds(); }

bool Election::Unsure() const {
  return !confirmed_ && (Holds() || (known_.term == 0 && row_state_ == Row::kUnknown));
}

// ---- what is known, and how surely ----------------------------------------------------------

void Election::Wake(Time now) {
  if (now > last_call_ + config_.orphan_limit) Doubt(now);
  if (now > next_tick_ + kLate) next_claim_ = std::max(next_claim_, now + config_.claim_delay);
  last_call_ = now;
}

/// After so long a sleep somebody else may serve by now, and this node's services have stopped by
/// themselves. It makes sure before it goes on.
void Election::Doubt(Time now) {
  confirmed_ = false;
  doubted_ = now;
  contact_began_ = Time::max();
  row_state_ = Row::kUnknown;
}

/// True if it is a higher term than the one known.
bool Election::Learn(const Tenure& tenure, Time now) {
  if (tenure.term <= known_.term) return false;
  if (known_.holder != tenure.holder && known_.holder != self_) previous_holder_ = known_.holder;
  known_ = tenure;
  known_since_ = now;
  confirmed_ = false;
  return true;
}

/// While the row is away nobody can have claimed it since, but somebody may have before. Whoever
/// did, says so in its advert, and others who are in touch with both have it.
void Election::ConfirmByContact(Time now) {
  if (!Holds() || confirmed_ || row_state_ != Row::kAway) return;
  if (contact_began_ == Time::max() || now > last_contact_ + kInTouch) return;
  confirmed_ = now >= std::max(contact_began_, known_since_) + config_.touch;
}

Wishes Election::Finish(Time now) {
  Learn(directory_.highest(), now);
  if (asked_ && now >= *asked_ + config_.row_patience) row_state_ = Row::kAway;
  ConfirmByContact(now);
  Wishes wishes;
  if (!asked_) wishes.row = NextRequest(now);
  if (wishes.row) asked_ = now;
  if (remembered_ != known_) wishes.remember = remembered_ = known_;
  if (Serving() && now >= next_greeting_) {
    next_greeting_ = now + config_.greet_every;
    wishes.greet = WhomToGreet();
  }
  PlanNextTick(now);
  return wishes;
}

// ---- the row --------------------------------------------------------------------------------

std::optional<RowRequest> Election::NextRequest(Time now) {
  if (now >= HandOverDue()) {
    next_claim_ = now + config_.claim_retry;
    return RowRequest{.kind = RowRequest::Kind::kHandOver, .term = row_.term, .to = *Successor()};
  }
  if (now >= ClaimDue() && FirstInRank()) {
    next_claim_ = now + config_.claim_retry;
    return RowRequest{.kind = RowRequest::Kind::kClaim, .term = row_.term};
  }
  if (now < ReadDue()) return std::nullopt;
  last_read_ = now;
  return RowRequest{.kind = RowRequest::Kind::kRead};
}

Time Election::ReadDue() const {
  if (row_state_ == Row::kUnknown && last_read_ < doubted_) return Time::min();
  if (last_read_ == Time::min()) return last_read_;
  if (Holds() && !confirmed_ && last_read_ < known_since_) return Time::min();
  if (row_state_ == Row::kAway && !Holds()) return last_read_ + config_.row_patience;
  // Who is to claim soon makes sure in time that it can, or the next in rank has to.
  const bool may_claim_soon = HolderGoneSince() != Time::max() && FirstInRank();
  return last_read_ + (Holds() || may_claim_soon ? config_.holder_reads : config_.others_read);
}

/// When this node may ask for the row, if it ranks first then.
Time Election::ClaimDue() const {
  if (!Ready()) return Time::max();
  // A row behind what its holder knows was set back with its database. It is brought up again.
  if (Holds()) return row_.term < known_.term ? next_claim_ : Time::max();
  const Time since = HolderGoneSince();
  if (since == Time::max() || known_.holder.empty()) return std::max(since, next_claim_);
  const Duration delay =
      members_.Find(known_.holder) != nullptr ? config_.claim_delay : config_.unknown_delay;
  return std::max(since + delay, next_claim_);
}

Time Election::HandOverDue() const {
  if (!Serving() || (capable_ && !leaving_)) return Time::max();
  if (row_ != known_ || row_state_ != Row::kAnswers || !Successor()) return Time::max();
  return std::max(leaving_ ? next_claim_ : capable_since_ + config_.incapable_after, next_claim_);
}

/// Time::max() while it is not.
Time Election::HolderGoneSince() const {
  if (known_.holder.empty()) return Time::min();
  const Member* const holder = members_.Find(known_.holder);
  if (holder == nullptr) return known_since_;
  return IsGone(*holder) ? holder->since : Time::max();
}

// ---- the others -----------------------------------------------------------------------------

bool Election::CouldServe(const Member& member) const {
  if (member.said.name == self_ || !Lives(member)) return false;
  const Advert* const advert = directory_.Find(member.said.name);
  return advert != nullptr && advert->role.ready;
}

bool Election::FirstInRank() const {
  const std::optional<NodeId> first = Holds() ? std::nullopt : Successor();
  return !first || RankOf(self_) <= RankOf(*first);
}

/// The first in rank of the others.
std::optional<NodeId> Election::Successor() const {
  std::optional<NodeId> first;
  for (const Member& member : members_) {
    const NodeId& name = member.said.name;
    if (CouldServe(member) && (!first || RankOf(name) < RankOf(*first))) first = name;
  }
  return first;
}

/// Whoever may serve beside this node without knowing: a cut between them would be noticed to have
/// healed only by chance otherwise, as nobody speaks to the dead. Former holders first, then those
/// who would have become one beyond the cut, then any: who has just restarted is known to nobody.
std::vector<Address> Election::WhomToGreet() const {
  std::map<std::pair<int, std::uint64_t>, Address> by_likelihood;
  for (const Member& member : members_) {
    const NodeId& name = member.said.name;
    if (member.said.state != MemberState::kDead) continue;
    const Advert* const advert = directory_.Find(name);
    int place = advert != nullptr && advert->role.ready ? 1 : 2;
    if (name == previous_holder_ || (advert != nullptr && advert->role.highest.holder == name)) {
      place = 0;
    }
    by_likelihood[{place, RankOf(name)}] = member.said.address;
  }
  std::vector<Address> greeted;
  for (const auto& [likelihood, address] : by_likelihood) {
    if (greeted.size() < kMaxGreeted) greeted.push_back(address);
  }
  return greeted;
}

void Election::PlanNextTick(Time now) {
  Time due = now + kIdle;
  if (asked_) {
    if (row_state_ != Row::kAway) due = std::min(due, *asked_ + config_.row_patience);
  } else {
    due = std::min({due, ReadDue(), HandOverDue()});
    if (ClaimDue() != Time::max() && FirstInRank()) due = std::min(due, ClaimDue());
  }
  if (Serving()) due = std::min(due, next_greeting_);
  next_tick_ = std::max(due, now);
}

}  // namespace sf::gossip
