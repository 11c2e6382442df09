// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/simulator.h"

namespace sf::sim {

/// The safety properties of the protocol, restated without its code and checked at every step; and
/// what must come true once the network is well again.
///
///   1  An incarnation grows only at its member, and in nobody's view does it ever go back.
///   2  No node believes itself anything but alive, until it leaves.
///   3  `dead` needs two witnesses (or all who can testify, if those are fewer), and the least time
///      of suspicion to have passed since this node itself first heard of one.
///   6  An announcement reaches the application once, and never one that is older than another.
///   7  No datagram is over its limit, no queue over its own.
class SafetyChecker : public Simulator::Observer {
 public:
  explicit SafetyChecker(const Simulator& sim) : sim_(sim) {}

  void OnStart(std::size_t node) override;
  void OnOutput(std::size_t node, const gossip::Output& output) override;

  /// What was found, the first few; empty is good.
  const std::vector<std::string>& violations() const { return violations_; }
  /// Of live members on hosts and networks, as they were at that moment.
  std::uint64_t false_deaths() const { return false_deaths_; }
  std::uint64_t false_unreachables() const { return false_unreachables_; }

 private:
  /// What one node has reported of one member.
  struct Report {
    gossip::Incarnation incarnation = 0;
    std::optional<Time> suspected = {};
    std::map<std::uint32_t, std::pair<gossip::BootId, std::uint64_t>> announced = {};
  };

  Report& Of(std::size_t node, const NodeId& member);
  void OnEvent(std::size_t node, const Event& event);
  void CheckIncarnation(std::size_t node, const Event& event);
  void CheckVerdict(std::size_t node, const Event& event);
  void CheckAnnouncement(std::size_t node, const Event& event);
  void Violated(std::size_t node, const std::string& what);

  const Simulator& sim_;
  std::map<NodeId, gossip::Incarnation> spoken_;  // by the member itself, at most
  std::map<NodeId, std::size_t> column_;
  std::vector<std::vector<Report>> reports_;  // by node, and by the member's column
  std::vector<std::string> violations_;
  std::uint64_t false_deaths_ = 0;
  std::uint64_t false_unreachables_ = 0;
};

/// One line per event: the run as a text, and its hash. The same seed gives the same.
class Transcript : public Simulator::Observer {
 public:
  struct Line {
    Duration at;
    NodeId observer;
    Event::Kind kind;
    gossip::Statement said;
  };

  explicit Transcript(const Simulator& sim) : sim_(sim) {}
  void OnOutput(std::size_t node, const gossip::Output& output) override;

  std::vector<Line> TakeLines() { return std::exchange(lines_, {}); }
  std::uint64_t hash() const { return hash_; }

 private:
  const Simulator& sim_;
  std::vector<Line> lines_;
  std::uint64_t hash_ = 0;
};

}  // namespace sf::sim
