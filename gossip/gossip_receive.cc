// SPDX-License-Identifier: Apache-2.0
// What other nodes ask for.
#include <algorithm>

#include "gossip/codec.h"
#include "gossip/gossip.h"
#include "gossip/sync.h"

namespace sf::gossip {
namespace {

// Each is a walk over the table. Nobody has so much to compare in one datagram.
constexpr int kMaxCompared = 16;

}  // namespace

Output Gossip::Receive(const Address& from, std::string_view datagram, Time now) {
  Wake(now);
  ++counters_.received;
  compared_ = 0;
  answered_ = 0;
  const std::optional<Packet> packet = Decode(datagram);
  if (!packet) ++counters_.malformed;
  const bool echo = packet && packet->boot == self().said.boot;
  if (!packet || echo || name_taken_) return Finish(now);

  const Sender sender = {packet->from, packet->boot, from};
  // An acknowledgement is an answer already, and so may be what is told of this node: correcting
  // whoever sends one and has nothing to say to that (who has left, who is just making sure of its
  // name, who holds this node in turn to be another) would go back and forth for ever.
  const auto says_something = [this](const Part& part) {
    const auto* const tell = std::get_if<Tell>(&part);
    const bool about_self = tell != nullptr && tell->statement.name == self().said.name;
    return !about_self && !std::holds_alternative<Heard>(part);
  };
  if (!Departed() && sender.name != self().said.name &&
      std::ranges::any_of(packet->parts, says_something)) {
    Correct(sender);
  }
  for (const Part& part : packet->parts) {
    std::visit([&](const auto& said) { On(said, sender, now); }, part);
  }
  return Finish(now);
}

// ---- probes ---------------------------------------------------------------------------------

void Gossip::On(const Ping& ping, const Sender& from, Time now) {
  if (Departed()) return;
  FollowClock(ping.clock, now);
  outbox_.Add(from.address, Ack{ping.sequence, view(), ClusterMilliseconds(now)});
  CompareViews(ping.view, from.address, now);
}

void Gossip::On(const Ack& ack, const Sender& from, Time now) {
  if (Departed()) return;
  if (from.name == self().said.name) return OnRivalAck(ack, from.boot);
  FollowClock(ack.clock, now);
  const Prober::Answered answered = prober_.OnAck(ack.sequence, from.name);
  if (answered.probe && answered.probe->stage == 0) {  // Else it may answer a later ping.
    membership_.NoteRoundTrip(from.name, now - answered.probe->sent);
  }
  if (answered.favour) {
    outbox_.Add(answered.favour->asker, Vouch{answered.favour->asker_sequence, true});
  }
  CompareViews(ack.view, from.address, now);
}

void Gossip::On(const PingReq& request, const Sender& from, Time now) {
  if (Departed()) return;
  const Prober::Favour favour = {
      .target = request.target, .asker = from.address, .asker_sequence = request.sequence};
  if (const auto sequence = prober_.BeginFavour(favour, milliseconds(request.patience), now)) {
    outbox_.Add(request.address, Ping{*sequence, view(), ClusterMilliseconds(now)});
  }
}

void Gossip::On(const Vouch& vouch, const Sender& from, Time) {
  prober_.OnVouch(vouch.sequence, from.name, vouch.reached);
}

// ---- rumours --------------------------------------------------------------------------------

void Gossip::On(const Tell& tell, const Sender& from, Time now) {
  const Statement& heard = tell.statement;
  const std::uint32_t id = Broadcasts::IdOf(heard);
  const bool about_self = heard.name == self().said.name;
  const Member* const teller = membership_.Find(from.name);
  // A joiner knows of nobody whom to tell: who hears of it from itself does that for it.
  const bool stand_in = heard.name == from.name && tell.until == from.name &&
                        (teller == nullptr || teller->said.state >= MemberState::kDead ||
                         teller->said.boot != from.boot);
  const Incarnation before = self().said.incarnation;

  const Outcome outcome = about_self ? AnswerTo(heard, now) : Believe(heard, now);
  if (outcome == Outcome::kRefused) return;
  outbox_.AddUntil(now + config_.ack_wait, from.address, Heard{id, outcome != Outcome::kNews});
  // The accuser is the first to be answered, as the suspect was the first to be told.
  const bool answered = about_self && self().said.incarnation != before;
  const Member* const subject = membership_.Find(heard.name);
  if ((outcome == Outcome::kStale || answered) && subject != nullptr) {
    outbox_.Add(from.address, Tell{subject->said, from.name});
  }
  if (outcome == Outcome::kStale) return;
  if (outcome == Outcome::kKnown) broadcasts_.OnKnownBy(id, from.name);
  const bool others_wait = tell.until != self().said.name && !about_self;
  const NodeId until = stand_in ? NodeId() : tell.until;
  if (outcome == Outcome::kNews || (others_wait && broadcasts_.WasUntold(id))) {
    broadcasts_.Spread(heard, until, from.name, now);
    if (!others_wait) broadcasts_.NoteUntold(heard);
  } else if (others_wait) {
    broadcasts_.AlsoTell(id, until, now);
  }
}

void Gossip::On(const Announced& announced, const Sender& from, Time now) {
  const Outcome outcome = membership_.Apply(announced, events_);
  if (outcome == Outcome::kRefused) return;
  const std::uint32_t id = Broadcasts::IdOf(announced);
  outbox_.AddUntil(now + config_.ack_wait, from.address, Heard{id, outcome != Outcome::kNews});
  if (outcome == Outcome::kNews) last_change_ = now;
  if (outcome == Outcome::kKnown) broadcasts_.OnKnownBy(id, from.name);
  const bool others_wait = announced.until != self().said.name;
  if (outcome == Outcome::kNews || (others_wait && broadcasts_.WasUntold(id))) {
    broadcasts_.Spread(announced, from.name, now);
    if (!others_wait) broadcasts_.NoteUntold(announced);
  } else if (others_wait) {
    broadcasts_.AlsoTell(id, announced.until, now);
  }
}

/// One place for a whole period, so that all news of one moment runs along the same tree, whoever
/// begins it; another one in each period, to share the work.
std::uint64_t Gossip::TreeStart(Time now) const {
  return Mix(static_cast<std::uint64_t>((now - clock_zero_) / config_.period));
}

void Gossip::On(const Heard& heard, const Sender& from, Time) {
  broadcasts_.OnHeard(heard, from.name);
}

Outcome Gossip::Believe(const Statement& heard, Time now) {
  const Outcome outcome = membership_.Apply(heard, now, events_);
  if (outcome != Outcome::kNews) return outcome;
  last_change_ = now;
  if (heard.state == MemberState::kSuspect && !Departed()) Confirm(heard.name, now);
  return outcome;
}

// ---- about this node ------------------------------------------------------------------------

Outcome Gossip::AnswerTo(const Statement& about_self, Time now) {
  const Statement& own = self().said;
  const auto order = Compare(about_self, own);
  if (order < 0) return Outcome::kStale;
  if (order == 0 || Departed()) return Outcome::kKnown;
  if (about_self.boot == own.boot) {
    health_.Worsen(1);
    Refute(about_self.incarnation, now);
  } else if (about_self.state == MemberState::kLeft || about_self.address == own.address) {
    // An earlier life of this node: it has left, or this one could not have its address.
    Refute(about_self.incarnation, now);
  } else if (!rival_) {
    const auto sequence = static_cast<std::uint32_t>(random_.Next());
    rival_ = {.said = about_self, .sequence = sequence, .due = now};
    TickRival(now);
  }
  return Outcome::kKnown;
}

void Gossip::Refute(Incarnation accused_at, Time now) {
  ++counters_.refutations;
  membership_.SaySelf(std::max(accused_at, self().said.incarnation) + 1, MemberState::kAlive);
  last_change_ = now;
  events_.push_back({Event::Kind::kRefuted, self().said});
  broadcasts_.Spread(self().said, {}, {}, now);
}

/// Whoever speaks while it is held to be silent or gone, or for a life that is not the one known,
/// ought to hear of that.
void Gossip::Correct(const Sender& from) {
  const Member* const known = membership_.Find(from.name);
  if (known == nullptr) return;
  if (known->said.state != MemberState::kAlive || known->said.boot != from.boot) {
    outbox_.Add(from.address, Tell{known->said, from.name});
  }
}

// ---- anti-entropy ---------------------------------------------------------------------------

void Gossip::CompareViews(std::uint64_t theirs, const Address& with, Time now) {
  if (theirs == view()) {
    pursuits_left_ = 0;
    next_pursuit_ = Time::max();
    return;
  }
  if (pursuits_left_ > 0 || now < next_sync_) return;
  // What has just changed here is on its way to them, or more is on its way to us: not worth a
  // comparison yet, unless things never come to rest.
  const bool settling = now < last_change_ + config_.sync_gap;
  if (settling && now < next_sync_ + 5 * config_.sync_gap) return;
  BeginPursuit(config_.sync_gap);
  Pursue(with, now);
}

void Gossip::BeginPursuit(Duration gap) {
  pursuits_left_ = config_.sync_tries;
  pursuit_gap_ = gap;
}

/// One comparison loses a datagram now and then, and the next ping is far: a node that knows that
/// it misses something, or others do, goes on asking until somebody's view is its own.
void Gossip::Pursue(const Address& with, Time now) {
  --pursuits_left_;
  ++counters_.syncs;
  next_sync_ = now + pursuit_gap_;
  next_pursuit_ = pursuits_left_ > 0 ? next_sync_ : Time::max();
  pursuit_gap_ = std::min(2 * pursuit_gap_, config_.sync_gap);
  outbox_.Add(with, Summarise(membership_));
}

void Gossip::TickPursuit(Time now) {
  if (now < next_pursuit_) return;
  // Other joiners may have missed the same, seeds have not.
  const bool joining = pursuit_gap_ < config_.sync_gap && !seeds_.empty();
  if (joining) return Pursue(seeds_[random_.Below(seeds_.size())], now);
  const Ring& ring = membership_.ring();
  const Member& peer = ring.at(random_.Below(ring.size()));
  if (&peer != &self()) return Pursue(peer.said.address, now);
  next_pursuit_ = now + config_.sync_gap;
}

void Gossip::On(const Buckets& buckets, const Sender& from, Time) {
  if (Departed() || !MayCompare()) return;
  Reply(from.address, Answer(membership_, buckets, config_.max_datagram));
}

void Gossip::On(const Entries& entries, const Sender& from, Time now) {
  if (Departed() || !MayCompare()) return;
  if (entries.entries.empty() && entries.covered.empty()) {  // "Mine is the same."
    pursuits_left_ = 0;
    next_pursuit_ = Time::max();
  }
  for (const Entries::Entry& entry : entries.entries) {
    const Statement& heard = entry.statement;
    if (heard.name == self().said.name) {
      AnswerTo(heard, now);
    } else if (Believe(heard, now) == Outcome::kNews) {
      broadcasts_.NoteUntold(heard);
    }
  }
  Reply(from.address, Reconcile(membership_, entries, config_.max_datagram));
}

void Gossip::On(const Want& want, const Sender& from, Time) {
  const Member* const owner = membership_.Find(want.owner);
  if (owner == nullptr || owner->said.boot != want.boot || owner->complete <= want.since) return;
  if (answered_ >= config_.max_answer) return;
  Reply(from.address, ItemsSince(*owner, want.since, config_.max_datagram));
}

bool Gossip::MayCompare() { return ++compared_ <= kMaxCompared && answered_ < config_.max_answer; }

void Gossip::Reply(const Address& to, const std::vector<Part>& parts) {
  for (const Part& part : parts) {
    if (answered_ >= config_.max_answer) return;
    std::string encoded = EncodePart(part);
    answered_ += encoded.size();
    outbox_.AddEncoded(to, std::move(encoded));
  }
}

void Gossip::On(const Delta& delta, const Sender&, Time now) {
  const std::size_t before = events_.size();
  membership_.Apply(delta, events_);
  if (events_.size() != before) last_change_ = now;
  for (std::size_t i = before; i < events_.size(); ++i) {
    broadcasts_.NoteUntold(Announced{delta.owner, delta.boot, events_[i].item, {}});
  }
}

void Gossip::On(const Nudge&, const Sender& from, Time) {
  const Member* const peer = membership_.Find(from.name);
  if (peer != nullptr) events_.push_back({Event::Kind::kNudged, peer->said});
}

}  // namespace sf::gossip
