// SPDX-License-Identifier: Apache-2.0
#include "gossip/broadcasts.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace sf::gossip {
namespace {

constexpr std::uint64_t kTestimony = std::uint64_t{1} << 63;

// Between two flushes, however few there were: what arrives at one moment is forwarded together.
constexpr Duration kPause = milliseconds(1);

Broadcasts::Subject SubjectOf(const Statement& statement) {
  if (statement.witnesses.empty()) return {statement.name, 0};
  return {statement.name, kTestimony | Hash(statement.witnesses.front().name.value)};
}

}  // namespace

struct Broadcasts::Round {
  Time now;
  std::uint64_t start;
  const Ring& ring;
  const Members& members;
  const Member& self;
  Outbox& outbox;
  const Member* stranger = nullptr;  ///< who gets what is due to go to somebody at random
  bool pushed = false;

  void Push(const Member& to, Part& rumour, const NodeId& until) {
    if (auto* const tell = std::get_if<Tell>(&rumour)) tell->until = until;
    if (auto* const announced = std::get_if<Announced>(&rumour)) announced->until = until;
    outbox.Add(to.said.address, rumour);
    pushed = true;
  }
};

std::uint32_t Broadcasts::IdOf(const Statement& statement) {
  std::uint64_t hash =
      Hash(statement.name.value) ^ static_cast<std::uint64_t>(OnWire(statement.state));
  hash = Mix(Mix(hash ^ statement.boot) ^ statement.incarnation);
  for (const Witness& witness : statement.witnesses) hash = Mix(hash ^ Hash(witness.name.value));
  return static_cast<std::uint32_t>(hash);
}

std::uint32_t Broadcasts::IdOf(const Announced& announced) {
  const std::uint64_t hash = Mix(~Hash(announced.owner.value) ^ announced.boot);
  return static_cast<std::uint32_t>(Mix(hash ^ announced.item.version));
}

void Broadcasts::Spread(const Statement& statement, const NodeId& until, const NodeId& source,
                        Time now) {
  const Subject subject = SubjectOf(statement);
  if (subject.second == 0) {  // The member's own word answers whatever was testified against it.
    const auto first = rumours_.lower_bound({statement.name, kTestimony});
    std::vector<Subject> answered;
    for (auto it = first; it != rumours_.end() && it->first.first == statement.name; ++it) {
      answered.push_back(it->first);
    }
    for (const Subject& testimony : answered) Erase(testimony);
  }
  Begin(subject, IdOf(statement), Tell{statement, until}, until, source, now);
}

void Broadcasts::Spread(const Announced& announced, const NodeId& source, Time now) {
  const Subject subject(announced.owner, 1 + std::uint64_t{announced.item.key});
  Begin(subject, IdOf(announced), announced, announced.until, source, now);
}

void Broadcasts::Begin(Subject subject, std::uint32_t id, Part part, const NodeId& until,
                       const NodeId& source, Time now) {
  Erase(subject);
  if (rumours_.size() >= config_.max_rumours) Erase(Subject(due_.begin()->second));
  by_id_[id] = subject;
  Rumour& rumour = rumours_[subject];
  rumour = {
      .id = id, .part = std::move(part), .source = source, .arcs = {until}, .shared = {until}};
  rumour.next_random = now + config_.push_retry;
  rumour.due = now;
  due_.emplace(now, std::move(subject));
}

void Broadcasts::AlsoTell(std::uint32_t rumour_id, const NodeId& until, Time now) {
  const auto name = by_id_.find(rumour_id);
  if (name == by_id_.end()) return;
  Rumour& rumour = rumours_.at(name->second);
  if (!rumour.shared.insert(until).second) return;
  rumour.arcs.push_back(until);
  Reschedule(name->second, rumour, now);
}

void Broadcasts::NoteUntold(const Statement& statement) {
  if (statement.witnesses.empty()) return NoteUntold(IdOf(statement));
  for (const Witness& witness : statement.witnesses) {
    Statement testimony = statement;
    testimony.witnesses = {witness};
    NoteUntold(IdOf(testimony));
  }
}

// Of more than these something big was learned, and what came before no longer matters.
void Broadcasts::NoteUntold(std::uint32_t rumour) {
  constexpr std::size_t kMaxUntold = 256;
  if (untold_.size() >= kMaxUntold) untold_.clear();
  untold_.insert(rumour);
}

void Broadcasts::Erase(const Subject& subject) {
  const auto entry = rumours_.find(subject);
  if (entry == rumours_.end()) return;
  const auto name = by_id_.find(entry->second.id);
  if (name != by_id_.end() && name->second == subject) by_id_.erase(name);
  due_.erase({entry->second.due, subject});
  rumours_.erase(entry);
}

void Broadcasts::Reschedule(const Subject& subject, Rumour& rumour, Time due) {
  due_.erase({rumour.due, subject});
  rumour.due = due;
  due_.emplace(due, subject);
}

void Broadcasts::OnHeard(const Heard& heard, const NodeId& from) {
  const auto name = by_id_.find(heard.rumour);
  if (name == by_id_.end()) return;
  Rumour& rumour = rumours_.at(name->second);
  const auto debt = rumour.debts.find(from);
  // Who was told twice may know it from us.
  if (heard.known && (debt == rumour.debts.end() || debt->second.tries < 2)) ++rumour.known_already;
  Settle(name->second, from);
}

void Broadcasts::OnKnownBy(std::uint32_t rumour_id, const NodeId& member) {
  const auto name = by_id_.find(rumour_id);
  if (name == by_id_.end()) return;
  const auto& debts = rumours_.at(name->second).debts;
  const auto debt = debts.find(member);
  // It may not know yet that others are left to it.
  if (debt != debts.end() && debt->second.until != member) return;
  Settle(name->second, member);
}

void Broadcasts::Settle(Subject subject, const NodeId& member) {
  Rumour& rumour = rumours_.at(subject);
  rumour.debts.erase(member);
  rumour.settled.insert(member);
  rumour.answered = true;
  if (!rumour.arcs.empty()) return;  // Not even shared out yet.
  const Time due = NextOf(rumour);
  due == Time::max() ? Erase(subject) : Reschedule(subject, rumour, due);
}

void Broadcasts::Tick(Time now, std::uint64_t start, const Ring& ring, const Members& members,
                      const Member& self, Outbox& outbox) {
  if (now < next_tick()) return;
  Round round = {now, start, ring, members, self, outbox};
  if (now >= next_random_) round.stranger = &ring.at(random_.Below(ring.size()));
  while (!due_.empty() && due_.begin()->first <= now) {
    const Subject subject = due_.begin()->second;
    const NodeId& about = subject.first;
    Rumour& rumour = rumours_.at(subject);
    for (const NodeId& until : std::exchange(rumour.arcs, {})) {
      const Ring::Arc all = ring.All(start);
      const Ring::Arc rest = ring.Between(self.place, Hash(until.value));
      until.value.empty() ? ShareOut(all, ring.at(all.first).said.name, about, rumour, round)
                          : ShareOut(rest, until, about, rumour, round);
    }
    PayDebts(about, rumour, round);
    PushAtRandom(rumour, round);
    const Time due = NextOf(rumour);
    due == Time::max() ? Erase(subject) : Reschedule(subject, rumour, due);
  }
  if (!round.pushed) return;
  paid_until_ = std::max(paid_until_, now) + config_.gather;
  next_flush_ = std::max(now + kPause, paid_until_ - config_.at_once * config_.gather);
}

/// Cuts an arc into `fan_out`, and leaves each to its first member that can be expected to pass it
/// on. An accused would not, nor would a joiner, who knows nobody yet.
void Broadcasts::ShareOut(Ring::Arc arc, const NodeId& until, const NodeId& about, Rumour& rumour,
                          const Round& round) const {
  for (std::size_t i = 0; i < config_.fan_out; ++i) {
    const std::size_t end = arc.size * (i + 1) / config_.fan_out;
    const NodeId& next = end == arc.size ? until : round.ring.at(arc.first + end).said.name;
    for (std::size_t k = arc.size * i / config_.fan_out; k < end; ++k) {
      const Member& member = round.ring.at(arc.first + k);
      const NodeId& name = member.said.name;
      if (&member == &round.self || name == rumour.source || rumour.settled.contains(name))
        continue;
      const bool passes_on = member.said.state == MemberState::kAlive && name != about;
      const Debt debt = {.due = round.now, .until = passes_on ? next : name};
      if (rumour.debts.try_emplace(name, debt).second && passes_on) break;
    }
  }
}

void Broadcasts::PayDebts(const NodeId& about, Rumour& rumour, Round& round) const {
  std::vector<std::pair<const Member*, NodeId>> orphaned;
  for (auto debt = rumour.debts.begin(); debt != rumour.debts.end();) {
    auto& [name, owed] = *debt;
    if (owed.due > round.now) {
      ++debt;
      continue;
    }
    const Member* const member = round.members.Find(name);
    const bool gone = member == nullptr || member->said.state >= MemberState::kDead;
    const bool alive = !gone && member->said.state == MemberState::kAlive;
    // Whoever stays silent has told nobody else either, and one that is known to be silent will
    // not.
    if (member != nullptr && owed.until != name &&
        (!alive || owed.tries + 1 >= config_.orphaned_at)) {
      orphaned.emplace_back(member, std::exchange(owed.until, name));
    }
    if (gone || owed.tries >= TriesFor(rumour, *member)) {
      rumour.settled.insert(name);
      debt = rumour.debts.erase(debt);
      continue;
    }
    round.Push(*member, rumour.part, owed.until);
    owed.due = round.now + config_.push_retry * (1 << std::min(owed.tries, 3));
    ++owed.tries;
    ++debt;
  }
  for (const auto& [silent, until] : orphaned) {
    const Ring::Arc arc = round.ring.Between(silent->place, Hash(until.value));
    ShareOut(arc, until, about, rumour, round);
  }
  if (!orphaned.empty()) PayDebts(about, rumour, round);
}

/// Where more are silent than the children, and nobody at all has answered, it is this node that is
/// cut off. It comes to tell everyone, and should not do so over and over.
int Broadcasts::TriesFor(const Rumour& rumour, const Member& member) const {
  if (member.said.state == MemberState::kUnreachable) return 2;
  const bool many = rumour.debts.size() + rumour.settled.size() > config_.fan_out;
  return many && !rumour.answered ? config_.orphaned_at : config_.push_tries;
}

void Broadcasts::PushAtRandom(Rumour& rumour, Round& round) {
  if (rumour.next_random > round.now || round.stranger == nullptr) return;
  const int limit = config_.retransmit_mult * static_cast<int>(std::bit_width(round.ring.size()));
  if (rumour.known_already >= config_.settled_at || rumour.random_pushes >= limit ||
      round.ring.size() < 2) {
    rumour.next_random = Time::max();
    return;
  }
  if (round.stranger != &round.self && !rumour.debts.contains(round.stranger->said.name)) {
    round.Push(*round.stranger, rumour.part, round.stranger->said.name);
    next_random_ = round.now + config_.random_gap;
  }
  ++rumour.random_pushes;
  rumour.next_random = round.now + config_.push_retry * (1 << std::min(rumour.random_pushes, 3));
}

Time Broadcasts::NextOf(const Rumour& rumour) const {
  Time next = std::max(rumour.next_random, next_random_);
  for (const auto& [name, owed] : rumour.debts) next = std::min(next, owed.due);
  return next;
}

}  // namespace sf::gossip
