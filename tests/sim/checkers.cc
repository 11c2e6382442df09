// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/checkers.h"

#include <algorithm>

namespace sf::sim {

using gossip::MemberState;

void SafetyChecker::OnStart(std::size_t node) {
  if (reports_.size() <= node) reports_.resize(node + 1);
  reports_[node].clear();
}

SafetyChecker::Report& SafetyChecker::Of(std::size_t node, const NodeId& member) {
  const std::size_t column = column_.try_emplace(member, column_.size()).first->second;
  std::vector<Report>& row = reports_[node];
  if (row.size() <= column) row.resize(column + 1);
  return row[column];
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
  Report& report = Of(node, event.said.name);
  switch (event.kind) {
    case Event::Kind::kForgotten: report = {}; return;
    case Event::Kind::kAnnounced: return CheckAnnouncement(node, event);
    case Event::Kind::kNudged:
    case Event::Kind::kRefuted:
    case Event::Kind::kNameTaken: return;
    // What it had announced is void. Should its earlier life prevail once more before it speaks up
    // again, the application hears everything anew, after one more of these.
    case Event::Kind::kRestarted: report.announced.clear(); break;
    case Event::Kind::kSuspected: report.suspected = sim_.LocalTime(node); break;
    case Event::Kind::kUnreachable:
    case Event::Kind::kDead: CheckVerdict(node, event); break;
    default: break;
  }
  CheckIncarnation(node, event);
}

void SafetyChecker::CheckIncarnation(std::size_t node, const Event& event) {
  gossip::Incarnation& seen = Of(node, event.said.name).incarnation;
  if (event.said.incarnation < seen) Violated(node, event.said.name.value + " went back");
  seen = event.said.incarnation;
  if (seen > spoken_[event.said.name]) {
    Violated(node, event.said.name.value + " has an incarnation that it never spoke");
  }
}

void SafetyChecker::CheckVerdict(std::size_t node, const Event& event) {
  std::set<NodeId> witnesses;
  for (const gossip::Witness& witness : event.said.witnesses) witnesses.insert(witness.name);
  const auto alone = [&members = sim_.View(node).members()] {
    return 1 >= std::ranges::count_if(members, [](const gossip::Member& member) {
             return member.said.state == MemberState::kAlive;
           });
  };
  if (witnesses.empty() || (witnesses.size() == 1 && !alone())) {
    Violated(node, event.said.name.value + " was judged by too few witnesses");
  }
  const auto subject = sim_.IndexOf(event.said.name);
  const bool wrong = subject && sim_.IsRunning(*subject) && !sim_.IsPaused(*subject);
  if (event.kind == Event::Kind::kUnreachable) {
    false_unreachables_ += wrong;
    return;
  }
  false_deaths_ += wrong;
  const std::optional<Time> suspected = Of(node, event.said.name).suspected;
  if (!suspected || sim_.LocalTime(node) - *suspected < sim_.config().dead_after_min) {
    Violated(node, event.said.name.value + " was declared dead too soon");
  }
}

void SafetyChecker::CheckAnnouncement(std::size_t node, const Event& event) {
  const std::pair now(event.said.boot, event.item.version);
  auto& last = Of(node, event.said.name).announced[event.item.key];
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
