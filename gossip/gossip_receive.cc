// SPDX-License-Identifier: Apache-2.0
// What other nodes ask for.
#include <algorithm>

#include "gossip/codec.h"
#include "gossip/gossip.h"
#include "gossip/sync.h"

namespace sf::gossip {

Output Gossip::Receive(const Address& from, std::string_view datagram, Time now) {
  Wake(now);
  ++counters_.received;
  const std::optional<Packet> packet = Decode(datagram);
  if (!packet) ++counters_.malformed;
  const bool echo = packet && packet->boot == self().said.boot;
  if (!packet || echo || name_taken_) return Finish(now);

  const Sender sender = {packet->from, packet->boot, from};
  if (!Departed() && sender.name != self().said.name) Correct(sender);
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
  const bool stand_in = heard.name == from.name && tell.root == from.name &&
                        (teller == nullptr || teller->said.state >= MemberState::kDead ||
                         teller->said.boot != from.boot);
  const Incarnation before = self().said.incarnation;

  const Outcome outcome = about_self ? AnswerTo(heard, now) : Believe(heard, now);
  if (outcome == Outcome::kRefused) return;
  outbox_.Add(from.address, Heard{id, outcome != Outcome::kNews});
  // The accuser is the first to be answered, as the suspect was the first to be told.
  const bool answered = about_self && self().said.incarnation != before;
  const Member* const subject = membership_.Find(heard.name);
  if ((outcome == Outcome::kStale || answered) && subject != nullptr) {
    outbox_.Add(from.address, Tell{subject->said, self().said.name});
  }
  const bool onward = outcome == Outcome::kNews ||
                      (outcome == Outcome::kKnown && !about_self && broadcasts_.ComparedOnly(id));
  if (outcome == Outcome::kKnown) broadcasts_.OnKnownBy(id, from.name);
  if (onward) {
    broadcasts_.Spread(heard, RootFor(tell.root), from.name, now, stand_in);
  }
}

void Gossip::On(const Announced& announced, const Sender& from, Time now) {
  const Outcome outcome = membership_.Apply(announced, events_);
  if (outcome == Outcome::kRefused) return;
  const std::uint32_t id = Broadcasts::IdOf(announced);
  outbox_.Add(from.address, Heard{id, outcome != Outcome::kNews});
  if (outcome != Outcome::kNews && !broadcasts_.ComparedOnly(id)) {
    return broadcasts_.OnKnownBy(id, from.name);
  }
  if (outcome == Outcome::kNews) last_change_ = now;
  Announced onward = announced;
  onward.root = RootFor(announced.root);
  broadcasts_.Spread(std::move(onward), from.name, now);
}

/// Where one cannot tell one's place in the tree, one begins another.
const NodeId& Gossip::RootFor(const NodeId& root) const {
  const Member* const member = membership_.Find(root);
  const bool on_ring = member != nullptr && member->said.state < MemberState::kDead;
  return on_ring ? root : self().said.name;
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
  membership_.SaySelf(accused_at + 1, MemberState::kAlive);
  last_change_ = now;
  events_.push_back({Event::Kind::kRefuted, self().said});
  broadcasts_.Spread(self().said, self().said.name, {}, now);
}

/// Whoever speaks while it is held to be silent or gone, or for a life that is not the one known,
/// ought to hear of that.
void Gossip::Correct(const Sender& from) {
  const Member* const known = membership_.Find(from.name);
  if (known == nullptr) return;
  if (known->said.state != MemberState::kAlive || known->said.boot != from.boot) {
    outbox_.Add(from.address, Tell{known->said, self().said.name});
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
  pursuits_left_ = config_.sync_tries;
  Pursue(with, now);
}

/// One comparison loses a datagram now and then, and the next ping is far: a node that knows that
/// it misses something, or others do, goes on asking until somebody's view is its own.
void Gossip::Pursue(const Address& with, Time now) {
  --pursuits_left_;
  ++counters_.syncs;
  next_sync_ = now + config_.sync_gap;
  next_pursuit_ = pursuits_left_ > 0 ? next_sync_ : Time::max();
  outbox_.Add(with, Summarise(membership_));
}

void Gossip::TickPursuit(Time now) {
  if (now < next_pursuit_) return;
  const Ring& ring = membership_.ring();
  const Member& peer = ring.at(random_.Below(ring.size()));
  if (&peer != &self()) return Pursue(peer.said.address, now);
  next_pursuit_ = now + config_.sync_gap;
}

void Gossip::On(const Buckets& buckets, const Sender& from, Time) {
  if (Departed()) return;
  for (const Part& part : Answer(membership_, buckets, config_.max_datagram)) {
    outbox_.Add(from.address, part);
  }
}

void Gossip::On(const Entries& entries, const Sender& from, Time now) {
  if (Departed()) return;
  if (entries.entries.empty() && entries.covered.empty()) {  // "Mine is the same."
    pursuits_left_ = 0;
    next_pursuit_ = Time::max();
  }
  for (const Entries::Entry& entry : entries.entries) {
    const Statement& heard = entry.statement;
    if (heard.name == self().said.name) {
      AnswerTo(heard, now);
    } else if (Believe(heard, now) == Outcome::kNews) {
      broadcasts_.NoteCompared(heard);
    }
  }
  for (const Part& part : Reconcile(membership_, entries, config_.max_datagram)) {
    outbox_.Add(from.address, part);
  }
}

void Gossip::On(const Want& want, const Sender& from, Time) {
  const Member* const owner = membership_.Find(want.owner);
  if (owner == nullptr || owner->said.boot != want.boot || owner->complete <= want.since) return;
  for (const Part& part : ItemsSince(*owner, want.since, config_.max_datagram)) {
    outbox_.Add(from.address, part);
  }
}

void Gossip::On(const Delta& delta, const Sender&, Time now) {
  const std::size_t before = events_.size();
  membership_.Apply(delta, events_);
  if (events_.size() != before) last_change_ = now;
  for (std::size_t i = before; i < events_.size(); ++i) {
    broadcasts_.NoteCompared(Announced{delta.owner, delta.boot, events_[i].item, {}});
  }
}

}  // namespace sf::gossip
