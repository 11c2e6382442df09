// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers.h"

#include <algorithm>

namespace sf::sim {

using gossip::MemberState;

void SafetyChecker::OnStart(std::size_t node) {
  const auto of_node = [node](const auto& entry) { return entry.first.first == node; };
  std::erase_if(seen_, of_node);
  std::erase_if(suspected_, of_node);
  std::erase_if(announced_, of_node);
}

void SafetyChecker::OnOutput(std::size_t node, const gossip::Output& output) {
  const gossip::Member& self = sim_.View(node).self();
  gossip::Incarnation& spoken = spoken_[self.said.name];
  spoken = std::max(spoken, self.said.incarnation);
  if (self.said.state != MemberState::kAlive && self.said.state != MemberState::kLeft) {
    Violated(node, "believes itself to be suspect or dead");
  }
  for (const gossip::Datagram& datagram : output.sends) {
    if (datagram.bytes.size() > sim_.config().max_datagram) {
      Violated(node, "sent a datagram over the limit");
    }
  }
  if (sim_.View(node).rumours() > sim_.config().max_rumours) Violated(node, "queue over its limit");
  for (const Event& event : output.events) OnEvent(node, event);
}

void SafetyChecker::OnEvent(std::size_t node, const Event& event) {
  const Pair pair(node, event.said.name);
  switch (event.kind) {
    case Event::Kind::kForgotten: seen_.erase(pair); return;
    case Event::Kind::kAnnounced: return CheckAnnouncement(node, event);
    case Event::Kind::kRefuted:
    case Event::Kind::kNameTaken: return;
    // What it had announced is void. Should its earlier life prevail once more before it speaks up
    // again, the application hears everything anew, after one more of these.
    case Event::Kind::kRestarted: announced_.erase(pair); break;
    case Event::Kind::kSuspected: suspected_[pair] = sim_.LocalTime(node); break;
    case Event::Kind::kUnreachable:
    case Event::Kind::kDead: CheckVerdict(node, event); break;
    default: break;
  }
  CheckIncarnation(node, event);
}

void SafetyChecker::CheckIncarnation(std::size_t node, const Event& event) {
  gossip::Incarnation& seen = seen_[{node, event.said.name}];
  if (event.said.incarnation < seen) Violated(node, event.said.name.value + " went back");
  seen = event.said.incarnation;
  if (seen > spoken_[event.said.name]) {
    Violated(node, event.said.name.value + " has an incarnation that it never spoke");
  }
}

void SafetyChecker::CheckVerdict(std::size_t node, const Event& event) {
  const auto& members = sim_.View(node).members();
  std::set<NodeId> witnesses;
  for (const gossip::Witness& witness : event.said.witnesses) witnesses.insert(witness.name);
  const auto able = static_cast<std::size_t>(std::ranges::count_if(
      members, [](const auto& m) { return m.second.said.state == MemberState::kAlive; }));
  if (witnesses.size() < std::min<std::size_t>(2, able)) {
    Violated(node, event.said.name.value + " was judged by too few witnesses");
  }
  const auto subject = sim_.IndexOf(event.said.name);
  const bool wrong = subject && sim_.IsRunning(*subject) && !sim_.IsPaused(*subject);
  if (event.kind == Event::Kind::kUnreachable) {
    false_unreachables_ += wrong;
    return;
  }
  false_deaths_ += wrong;
  const auto suspected = suspected_.find({node, event.said.name});
  if (suspected == suspected_.end() ||
      sim_.LocalTime(node) - suspected->second < sim_.config().dead_after_min) {
    Violated(node, event.said.name.value + " was declared dead too soon");
  }
}

void SafetyChecker::CheckAnnouncement(std::size_t node, const Event& event) {
  const std::pair now(event.said.boot, event.item.version);
  auto& last = announced_[{node, event.said.name}][event.item.key];
  if (now.first == last.first && now.second <= last.second) {
    Violated(node, "an announcement of " + event.said.name.value + " came twice or went back");
  }
  last = now;
}

void SafetyChecker::Violated(std::size_t node, const std::string& what) {
  constexpr std::size_t kEnough = 10;
  if (violations_.size() >= kEnough) return;
  violations_.push_back(std::to_string(sim_.now().count()) + " us, " + sim_.NameOf(node).value +
                        ": " + what);
}

void Transcript::OnOutput(std::size_t node, const gossip::Output& output) {
  const auto mix = [this](std::uint64_t number) { hash_ = gossip::Mix(hash_ ^ number); };
  mix(static_cast<std::uint64_t>(sim_.now().count()));
  mix(node);
  for (const gossip::Datagram& datagram : output.sends) mix(gossip::Hash(datagram.bytes));
  for (const Event& event : output.events) {
    mix(static_cast<std::uint64_t>(event.kind));
    mix(gossip::Hash(event.said.name.value) ^ event.said.incarnation);
    lines_.push_back({sim_.now(), sim_.NameOf(node), event.kind, event.said});
  }
}

}  // namespace sf::sim
