// SPDX-License-Identifier: Apache-2.0
// What the caller and the clock ask for. What other nodes ask for is in gossip_receive.cc.
#include "gossip/gossip.h"

#include <algorithm>
#include <utility>

#include "gossip/sync.h"
#include "node/base/check.h"

namespace sf::gossip {
namespace {

constexpr std::size_t kSeedsPerTry = 5;
constexpr int kRivalTries = 3;
// A clock further on than this (35,000 years) is a mistake and not followed.
constexpr std::uint64_t kMaxClock = std::uint64_t{1} << 50;

}  // namespace

Gossip::Gossip(Config config, NodeId name, Address address, BootId boot, std::uint64_t seed,
               Time now)
    : config_(config),
      random_(seed),
      health_(config_.max_health_score),
      membership_(config_, {.name = std::move(name), .address = address, .boot = boot}),
      prober_(config_, health_, static_cast<std::uint32_t>(random_.Next() >> 40)),
      broadcasts_(config_, random_),
      clock_zero_(now),
      next_reconnect_(now + config_.reconnect) {}

Output Gossip::Join(std::span<const Address> seeds, Time now) {
  Wake(now);
  seeds_.assign(seeds.begin(), seeds.end());
  std::erase(seeds_, self().said.address);
  next_join_ = now;
  TickJoin(now);
  return Finish(now);
}

Output Gossip::Announce(std::uint32_t key, std::string payload, Time now) {
  SF_CHECK(payload.size() <= kMaxPayload);
  Wake(now);
  const Item item = membership_.Announce(key, std::move(payload));
  last_change_ = now;
  broadcasts_.Spread(Announced{self().said.name, self().said.boot, item, {}}, {}, now);
  return Finish(now);
}

Output Gossip::Greet(const Address& to, Time now) {
  Wake(now);
  if (!Departed()) {
    outbox_.Add(to, Tell{self().said, self().said.name});
    outbox_.Add(to, Summarise(membership_));
  }
  return Finish(now);
}

Output Gossip::SendNudge(const NodeId& to, Time now) {
  Wake(now);
  const Member* const peer = membership_.Find(to);
  if (peer != nullptr && peer != &self() && !Departed()) {
    outbox_.Add(peer->said.address, Nudge{});
  }
  return Finish(now);
}

Output Gossip::Leave(Time now) {
  Wake(now);
  membership_.SaySelf(self().said.incarnation, MemberState::kLeft);
  prober_.AbandonAll();
  broadcasts_.Spread(self().said, {}, {}, now);
  return Finish(now);
}

Output Gossip::OnUnreachableEvidence(const NodeId& peer, Time now) {
  Wake(now);
  prober_.Abandon(peer);
  Accuse(peer, Evidence::kGone, now);
  return Finish(now);
}

Output Gossip::Tick(Time now) {
  Wake(now);
  if (!name_taken_ && !Departed()) {
    TickJoin(now);
    TickRival(now);
    TickProbe(now);
    TickReconnect(now);
    TickPursuit(now);
  }
  return Finish(now);
}

// A node that was stopped has heard nobody for that long and finds all its timers run out at once.
// That says nothing about the others, so it accuses nobody and gives everyone the time back.
void Gossip::Wake(Time now) {
  if (next_tick_ == Time::max() || now <= next_tick_ + config_.oversleep) return;
  ++counters_.overslept;
  prober_.AbandonAll();
  membership_.Postpone(now - next_tick_);
  health_.Worsen(1);
}

Output Gossip::Finish(Time now) {
  membership_.Judge(now, events_);
  if (!name_taken_) {
    broadcasts_.Tick(now, TreeStart(now), membership_.ring(), membership_.members(), self(),
                     outbox_);
  }
  Output output = {
      .sends = outbox_.Flush(now, self().said.name, self().said.boot, config_.max_datagram),
      .events = std::exchange(events_, {}),
      .kernel_checks = std::exchange(kernel_checks_, {})};
  next_tick_ =
      std::min({membership_.next_judgement(), broadcasts_.next_tick(), outbox_.next_flush()});
  if (name_taken_) next_tick_ = Time::max();
  if (!name_taken_ && !Departed()) {
    const bool alone = membership_.ring().size() == 1 && !seeds_.empty();
    if (!alone) next_join_ = Time::max();
    if (alone && next_join_ == Time::max()) next_join_ = now + config_.join_retry;
    next_tick_ =
        std::min({next_tick_, next_join_, next_reconnect_, next_pursuit_, prober_.next_tick(),
                  NextTurn().due, rival_ ? rival_->due : Time::max()});
  }
  // What has become due by a change of the ring is due now, and was not before: see Wake().
  next_tick_ = std::max(next_tick_, now);
  counters_.sent += output.sends.size();
  for (const Datagram& datagram : output.sends) counters_.bytes_sent += datagram.bytes.size();
  return output;
}

void Gossip::TickJoin(Time now) {
  if (now < next_join_ || seeds_.empty()) return;
  next_join_ = now + config_.join_retry;
  const std::size_t first = random_.Below(seeds_.size());
  for (std::size_t i = 0; i < std::min(seeds_.size(), kSeedsPerTry); ++i) {
    const Address& seed = seeds_[(first + i) % seeds_.size()];
    outbox_.Add(seed, Tell{self().said, self().said.name});
    outbox_.Add(seed, Summarise(membership_));
  }
  BeginPursuit(config_.settle_in);
  next_pursuit_ = now + pursuit_gap_;
}

// Nobody else would ever speak to a dead member or to a seed that is not one, so nobody would
// notice that a partition has healed, or that two halves were begun apart.
void Gossip::TickReconnect(Time now) {
  if (now < next_reconnect_) return;
  const auto period = static_cast<std::size_t>(config_.reconnect.count());
  next_reconnect_ = now + config_.reconnect + Duration(random_.Below(period / 4 + 1));
  std::set<Address> candidates(seeds_.begin(), seeds_.end());
  for (const auto& [since, name] : membership_.graves()) {
    const Member& gone = *membership_.Find(name);
    if (gone.said.state == MemberState::kDead) candidates.insert(gone.said.address);
  }
  const Ring& living = membership_.ring();
  for (std::size_t i = 0; i < living.size() && !candidates.empty(); ++i) {
    candidates.erase(living.at(i).said.address);
  }
  if (candidates.empty()) return;
  const auto choice =
      std::next(candidates.begin(), static_cast<std::ptrdiff_t>(random_.Below(candidates.size())));
  outbox_.Add(*choice, Ping{0, view(), ClusterMilliseconds(now)});
}

// ---- probing --------------------------------------------------------------------------------

// Periods are those of a clock that the whole cluster shares: each node's own, set forward to
// whatever later time it hears of (as Lamport's). It is good to a message delay, which is enough
// for this: in one round each member is probed once, by whoever the ring says, and at a moment of
// the round that depends on the target alone. So the wait for a first probe is at most one period,
// where probers that draw their own targets leave an exponential tail (SWIM, section 4.3).

std::uint64_t Gossip::ClusterMilliseconds(Time now) const {
  return static_cast<std::uint64_t>((now - clock_zero_) / milliseconds(1));
}

void Gossip::FollowClock(std::uint64_t shown, Time now) {
  if (shown > ClusterMilliseconds(now) && shown < kMaxClock)
    clock_zero_ = now - milliseconds(shown);
}

Gossip::Turn Gossip::NextTurn() const {
  Turn next;
  const auto first = static_cast<std::uint64_t>(probed_until_ / config_.period);
  for (const std::uint64_t round : {first, first + 1}) {
    for (const Member* target : membership_.ring().Targets(self(), round)) {
      const Duration moment(target->place % static_cast<std::uint64_t>(config_.period.count()));
      const Duration due = config_.period * static_cast<std::int64_t>(round) + moment;
      if (due > probed_until_ && clock_zero_ + due < next.due) next = {clock_zero_ + due, target};
    }
  }
  return next;
}

void Gossip::TickProbe(Time now) {
  // The clock may have been set forward by years: turns in rounds that never were are not made up.
  probed_until_ = std::max(probed_until_, now - clock_zero_ - config_.period);
  for (Turn turn = NextTurn(); turn.due <= now; turn = NextTurn()) {
    probed_until_ = turn.due - clock_zero_;
    if (!prober_.IsProbing(turn.target->said.name)) SendPing(*turn.target, now);
  }
  Prober::Due due = prober_.Tick(now);
  for (const std::uint32_t sequence : due.repeat) RepeatPing(sequence, now);
  for (const std::uint32_t sequence : due.need_help) AskHelpers(sequence, now);
  for (const Prober::Favour& favour : due.fruitless) {
    outbox_.Add(favour.asker, Vouch{favour.asker_sequence, false});
  }
  for (const Prober::Probe& probe : due.failed) {
    ++counters_.probes_failed;
    const Member* const target = membership_.Find(probe.target);
    // Whoever has spoken up in the meantime was not silent.
    if (target == nullptr || target->said.boot != probe.boot ||
        target->said.incarnation != probe.incarnation) {
      continue;
    }
    Accuse(probe.target, probe.frozen ? Evidence::kFrozen : Evidence::kSilent, now);
  }
}

void Gossip::SendPing(const Member& target, Time now) {
  ++counters_.probes;
  const std::uint32_t sequence = prober_.Begin(target, now);
  outbox_.Add(target.said.address, Ping{sequence, view(), ClusterMilliseconds(now)});
  // Lifeguard's buddy system (section IV-C): a suspect hears of it from whoever speaks to it.
  if (target.said.state != MemberState::kAlive) {
    outbox_.Add(target.said.address, Tell{target.said, target.said.name});
  }
}

void Gossip::RepeatPing(std::uint32_t sequence, Time now) {
  outbox_.Add(prober_.at(sequence).address, Ping{sequence, view(), ClusterMilliseconds(now)});
}

void Gossip::AskHelpers(std::uint32_t sequence, Time now) {
  const Prober::Probe& probe = prober_.at(sequence);
  RepeatPing(sequence, now);
  // The kernel is asked, too: it can tell a stopped process from a silent host.
  const std::string ping = EncodePart(Ping{sequence, view(), ClusterMilliseconds(now)});
  for (std::string& bytes :
       Assemble(self().said.name, self().said.boot, {&ping, 1}, config_.max_datagram)) {
    kernel_checks_.push_back({probe.target, {probe.address, std::move(bytes)}});
  }
  const Ring& ring = membership_.ring();
  const auto patience = static_cast<std::uint32_t>(probe.patience / milliseconds(1));
  std::set<NodeId> helpers;
  const std::size_t first = random_.Below(ring.size());
  for (std::size_t i = 0; i < ring.size() && helpers.size() < config_.helpers; ++i) {
    const Member& helper = ring.at(first + i);
    if (&helper == &self() || helper.said.name == probe.target ||
        helper.said.state != MemberState::kAlive) {
      continue;
    }
    helpers.insert(helper.said.name);
    outbox_.Add(helper.said.address, PingReq{sequence, probe.target, probe.address, patience});
  }
  prober_.NoteAsked(sequence, helpers.size());
}

// ---- accusing -------------------------------------------------------------------------------

Statement Gossip::OwnTestimony(const Member& accused, Evidence evidence) const {
  Statement testimony = accused.said;
  testimony.state = MemberState::kSuspect;
  testimony.witnesses = {{self().said.name, evidence}};
  return testimony;
}

void Gossip::Accuse(const NodeId& name, Evidence evidence, Time now) {
  const Member* const accused = membership_.Find(name);
  if (accused == nullptr || accused == &self() || accused->said.state >= MemberState::kDead) return;
  if (accused->said.witnesses.size() >= kEnoughWitnesses) return;
  const Statement testimony = OwnTestimony(*accused, evidence);
  if (Believe(testimony, now) != Outcome::kNews) return;
  outbox_.Add(accused->said.address, Tell{testimony, accused->said.name});
  broadcasts_.Spread(testimony, {}, {}, now);
}

/// Instead of waiting for the next rounds' probers, a few members look for themselves at once.
void Gossip::Confirm(const NodeId& name, Time now) {
  const Member& accused = *membership_.Find(name);
  if (accused.said.witnesses.size() >= kEnoughWitnesses || prober_.IsProbing(name)) return;
  const auto confirmers = membership_.ring().Confirmers(accused, config_.confirmers);
  if (std::ranges::find(confirmers, &self()) != confirmers.end()) SendPing(accused, now);
}

// ---- one name, two nodes --------------------------------------------------------------------

void Gossip::TickRival(Time now) {
  if (!rival_ || now < rival_->due) return;
  if (rival_->tries == kRivalTries) {
    // Nobody answers there: it was this node itself, before it restarted at another address.
    const Incarnation old_life = rival_->said.incarnation;
    rival_.reset();
    Refute(old_life, now);
    return;
  }
  ++rival_->tries;
  rival_->due = now + config_.ping_timeout;
  outbox_.Add(rival_->said.address, Ping{rival_->sequence, view(), ClusterMilliseconds(now)});
}

void Gossip::OnRivalAck(const Ack& ack, BootId boot) {
  if (!rival_ || ack.sequence != rival_->sequence || boot != rival_->said.boot) return;
  name_taken_ = true;
  events_.push_back({Event::Kind::kNameTaken, rival_->said});
}

}  // namespace sf::gossip
