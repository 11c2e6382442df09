// SPDX-License-Identifier: Apache-2.0
#include "gossip/broadcasts.h"

#include <algorithm>
#include <bit>

namespace sf::gossip {
namespace {

constexpr std::uint64_t kTestimony = std::uint64_t{1} << 63;

Broadcasts::Subject SubjectOf(const Statement& statement) {
  if (statement.witnesses.empty()) return {statement.name, 0};
  return {statement.name, kTestimony | Hash(statement.witnesses.front().name.value)};
}

}  // namespace

struct Broadcasts::Round {
  Time now;
  const Ring& ring;
  const std::map<NodeId, Member>& members;
  const Member& self;
  Outbox& outbox;
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

void Broadcasts::Spread(const Statement& statement, const NodeId& root, const NodeId& source,
                        Time now, bool stand_in) {
  const Subject subject = SubjectOf(statement);
  if (subject.second == 0) {  // The member's own word answers whatever was testified against it.
    const auto first = rumours_.lower_bound({statement.name, kTestimony});
    std::vector<Subject> answered;
    for (auto it = first; it != rumours_.end() && it->first.first == statement.name; ++it) {
      answered.push_back(it->first);
    }
    for (const Subject& testimony : answered) Erase(testimony);
  }
  Begin(subject, IdOf(statement), Tell{statement, root}, root, source, now).stand_in = stand_in;
}

void Broadcasts::Spread(Announced announced, const NodeId& source, Time now) {
  const Subject subject(announced.owner, 1 + std::uint64_t{announced.item.key});
  Begin(subject, IdOf(announced), announced, announced.root, source, now);
}

Broadcasts::Rumour& Broadcasts::Begin(Subject subject, std::uint32_t id, const Part& part,
                                      const NodeId& root, const NodeId& source, Time now) {
  Erase(subject);
  if (rumours_.size() >= config_.max_rumours) Erase(Subject(due_.begin()->second));
  by_id_[id] = subject;
  Rumour& rumour = rumours_[subject];
  rumour = {.id = id, .encoded = EncodePart(part), .root = root, .source = source};
  rumour.next_random = now + config_.push_retry;
  rumour.due = now;
  due_.emplace(now, std::move(subject));
  return rumour;
}

void Broadcasts::NoteCompared(const Statement& statement) {
  if (statement.witnesses.empty()) return NoteCompared(IdOf(statement));
  for (const Witness& witness : statement.witnesses) {
    Statement testimony = statement;
    testimony.witnesses = {witness};
    NoteCompared(IdOf(testimony));
  }
}

// Of more than these something big was learned, and what came before no longer matters.
void Broadcasts::NoteCompared(std::uint32_t rumour) {
  constexpr std::size_t kMaxCompared = 256;
  if (compared_.size() >= kMaxCompared) compared_.clear();
  compared_.insert(rumour);
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
  OnKnownBy(heard.rumour, from);
}

void Broadcasts::OnKnownBy(std::uint32_t rumour_id, const NodeId& member) {
  const auto name = by_id_.find(rumour_id);
  if (name == by_id_.end()) return;
  const Subject subject = name->second;
  Rumour& rumour = rumours_.at(subject);
  rumour.debts.erase(member);
  rumour.settled.insert(member);
  if (!rumour.rooted) return;  // Its tree is not even laid out yet.
  const Time due = NextOf(rumour);
  due == Time::max() ? Erase(subject) : Reschedule(subject, rumour, due);
}

void Broadcasts::Tick(Time now, const Ring& ring, const std::map<NodeId, Member>& members,
                      const Member& self, Outbox& outbox) {
  const Round round = {now, ring, members, self, outbox};
  while (!due_.empty() && due_.begin()->first <= now) {
    const Subject subject = due_.begin()->second;
    Rumour& rumour = rumours_.at(subject);
    if (!rumour.rooted) {
      rumour.rooted = true;
      rumour.settled.insert({self.said.name, rumour.source});
      OweChildren(rumour, self, round);
      const auto root = members.find(rumour.root);
      if (rumour.stand_in && root != members.end()) OweChildren(rumour, root->second, round);
    }
    PayDebts(rumour, round);
    PushAtRandom(rumour, round);
    const Time due = NextOf(rumour);
    due == Time::max() ? Erase(subject) : Reschedule(subject, rumour, due);
  }
}

void Broadcasts::OweChildren(Rumour& rumour, const Member& of, const Round& round) const {
  const auto root = round.members.find(rumour.root);
  if (root == round.members.end()) return;
  for (const Member* child : round.ring.Children(root->second, of, config_.fan_out)) {
    if (rumour.settled.contains(child->said.name)) continue;
    rumour.debts.try_emplace(child->said.name, Debt{.due = round.now});
  }
}

void Broadcasts::PayDebts(Rumour& rumour, const Round& round) const {
  std::vector<const Member*> orphaned;
  for (auto debt = rumour.debts.begin(); debt != rumour.debts.end();) {
    auto& [name, owed] = *debt;
    const auto entry = round.members.find(name);
    const bool gone =
        entry == round.members.end() || entry->second.said.state >= MemberState::kDead;
    const bool alive = !gone && entry->second.said.state == MemberState::kAlive;
    const bool hopeless = !gone && entry->second.said.state == MemberState::kUnreachable;
    if (owed.due <= round.now && (gone || owed.tries >= (hopeless ? 2 : config_.push_tries))) {
      rumour.settled.insert(name);
      debt = rumour.debts.erase(debt);
      continue;
    }
    if (owed.due <= round.now) {
      round.outbox.AddEncoded(entry->second.said.address, rumour.encoded);
      owed.due = round.now + config_.push_retry * (1 << std::min(owed.tries, 3));
      // Whoever stays silent has not told its children either. One that is known to be silent will
      // not, so they are told at once.
      if (++owed.tries == (alive ? config_.orphaned_at : 1)) orphaned.push_back(&entry->second);
    }
    ++debt;
  }
  for (const Member* parent : orphaned) OweChildren(rumour, *parent, round);
  if (!orphaned.empty()) PayDebts(rumour, round);
}

void Broadcasts::PushAtRandom(Rumour& rumour, const Round& round) {
  if (rumour.next_random > round.now) return;
  const int limit = config_.retransmit_mult * static_cast<int>(std::bit_width(round.ring.size()));
  if (rumour.known_already >= config_.settled_at || rumour.random_pushes >= limit ||
      round.ring.size() < 2) {
    rumour.next_random = Time::max();
    return;
  }
  const Member& peer = round.ring.at(random_.Below(round.ring.size()));
  if (&peer != &round.self && !rumour.debts.contains(peer.said.name)) {
    round.outbox.AddEncoded(peer.said.address, rumour.encoded);
  }
  ++rumour.random_pushes;
  rumour.next_random = round.now + config_.push_retry * (1 << std::min(rumour.random_pushes, 3));
}

Time Broadcasts::NextOf(const Rumour& rumour) const {
  Time next = rumour.next_random;
  for (const auto& [name, owed] : rumour.debts) next = std::min(next, owed.due);
  return next;
}

}  // namespace sf::gossip
