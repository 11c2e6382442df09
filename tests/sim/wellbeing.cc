// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/wellbeing.h"

#include <algorithm>
#include <numeric>

namespace sf::sim {

using gossip::MemberState;

namespace {

constexpr std::size_t kBase = 200;
constexpr std::size_t kEach = 16;
constexpr std::size_t kPerChange = 96;
constexpr std::size_t kTries = 16;
constexpr std::size_t kEnough = 10;

void Note(std::vector<std::string>& faults, std::string fault) {
  if (faults.size() < kEnough) faults.push_back(std::move(fault));
}

/// By name, those that run.
std::map<NodeId, std::size_t> Running(const Simulator& sim) {
  std::map<NodeId, std::size_t> running;
  for (std::size_t i = 0; i < sim.size(); ++i) {
    if (sim.IsRunning(i)) running[sim.NameOf(i)] = i;
  }
  return running;
}

}  // namespace

std::vector<std::string> Unwell(const Simulator& sim) {
  std::vector<std::string> faults;
  const std::map<NodeId, std::size_t> running = Running(sim);
  for (std::size_t i = 0; i < sim.size(); ++i) {
    if (!sim.IsRunning(i)) continue;
    const auto fault = [&](const NodeId& subject, const char* what) {
      Note(faults, sim.NameOf(i).value + " " + what + " " + subject.value);
    };
    if (running.at(sim.NameOf(i)) != i) fault(sim.NameOf(i), "is not the only");
    const auto& members = sim.View(i).members();
    for (const gossip::Member& member : members) {
      const NodeId& name = member.said.name;
      const bool alive = member.said.state == MemberState::kAlive;
      if (alive && !running.contains(name)) fault(name, "believes in the ghost");
    }
    for (const auto& [name, node] : running) {
      const gossip::Member* const held = members.Find(name);
      if (held == nullptr) {
        fault(name, "does not know");
        continue;
      }
      const auto& own = sim.View(node).self();
      if (held->said.state != MemberState::kAlive) fault(name, "does not hold to be alive");
      if (held->said != own.said) fault(name, "is not up to date about");
      if (held->items() != own.items()) fault(name, "does not know what is announced by");
    }
  }
  return faults;
}

std::vector<std::string> OverdueGraves(const Simulator& sim) {
  std::vector<std::string> faults;
  constexpr Duration kSlack = std::chrono::seconds(1);
  for (std::size_t i = 0; i < sim.size(); ++i) {
    if (!sim.IsRunning(i) || sim.IsPaused(i)) continue;
    for (const gossip::Member& member : sim.View(i).members()) {
      const NodeId& name = member.said.name;
      if (member.said.state < MemberState::kDead || name == sim.NameOf(i)) continue;
      if (sim.LocalTime(i) - member.since <= sim.config().tombstone + kSlack) continue;
      Note(faults, sim.NameOf(i).value + " has not forgotten " + name.value);
    }
  }
  return faults;
}

void TrafficChecker::OnOutput(std::size_t node, const gossip::Output& output) {
  Seconds& seconds = nodes_[node];
  const std::int64_t now = sim_.now() / std::chrono::seconds(1);
  if (now != seconds.now) Close(node, seconds);
  while (seconds.now < now) {
    constexpr auto kMemory =
        static_cast<std::int64_t>(std::tuple_size_v<decltype(seconds.changes)>);
    if (now - seconds.now > kMemory) seconds.now = now - kMemory;
    ++seconds.now;
    std::shift_right(seconds.changes.begin(), seconds.changes.end(), 1);
    seconds.changes[0] = 0;
  }
  if (sim_.View(node).counters().overslept != seconds.overslept) {
    seconds.overslept = sim_.View(node).counters().overslept;
    seconds.excused_until = now + 2;
  }
  seconds.sent += output.sends.size();
  seconds.changes[0] += output.events.size();
}

void TrafficChecker::Close(std::size_t node, Seconds& seconds) {
  const std::size_t changes =
      std::accumulate(seconds.changes.begin(), seconds.changes.end(), std::size_t{0});
  const std::size_t n = sim_.size();
  const std::size_t limit = kBase + kEach * n + (kPerChange + kTries * n) * changes;
  const std::size_t sent = std::exchange(seconds.sent, 0);
  if (seconds.now <= seconds.excused_until) return;
  highest_ = std::max(highest_, static_cast<double>(sent) / static_cast<double>(limit));
  if (sent <= limit) return;
  Note(violations_, sim_.NameOf(node).value + " sent " + std::to_string(sent) +
                        " datagrams in second " + std::to_string(seconds.now) + ", which saw " +
                        std::to_string(changes) + " changes");
}

void WrongVerdicts::OnStop(std::size_t node) {
  for (auto entry = since_.begin(); entry != since_.end();) {
    if (entry->first.first == node || entry->first.second == node) {
      total_ += sim_.now() - entry->second;
      entry = since_.erase(entry);
    } else {
      ++entry;
    }
  }
}

void WrongVerdicts::OnOutput(std::size_t node, const gossip::Output& output) {
  for (const Event& event : output.events) {
    const bool verdict =
        event.kind == Event::Kind::kUnreachable || event.kind == Event::Kind::kDead;
    const bool acquittal = event.kind == Event::Kind::kRecovered ||
                           event.kind == Event::Kind::kRestarted ||
                           event.kind == Event::Kind::kJoined;
    if (!verdict && !acquittal) continue;
    const auto subject = sim_.IndexOf(event.said.name);
    if (!subject) continue;
    if (verdict && sim_.IsRunning(*subject) && !sim_.IsPaused(*subject)) {
      since_.try_emplace({node, *subject}, sim_.now());
    }
    const auto wrong = since_.find({node, *subject});
    if (acquittal && wrong != since_.end()) {
      total_ += sim_.now() - wrong->second;
      since_.erase(wrong);
    }
  }
}

}  // namespace sf::sim
