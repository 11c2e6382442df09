// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gossip/election.h"
#include "gossip/random.h"

namespace sf::sim {

using gossip::Duration;
using gossip::Tenure;

/// The row that decides who serves, as RoleStore keeps it in MySQL: one at a time, by its own
/// clock, and away from some nodes or all of them now and then.
class RoleRow {
 public:
  explicit RoleRow(std::uint64_t seed) : random_(seed) {}

  struct Answer {
    Duration at = {};  ///< when the node has it
    bool away = false;
    Tenure row = {};
  };

  void SetAway(std::size_t node, bool away);
  void SetAwayForAll(bool away) { away_from_all_ = away; }
  void SetLatency(Duration longest) { longest_ = longest; }
  /// As by the restoring of a backup.
  void SetBack(Tenure row) { row_ = std::move(row); }

  bool IsAway(std::size_t node) const { return away_from_all_ || away_.contains(node); }
  const Tenure& now() const { return row_; }
  /// Who was given which term.
  const std::map<std::uint64_t, NodeId>& history() const { return history_; }

  /// A node's request is on its way, with its heartbeat or without.
  void Ask(std::size_t node, const NodeId& name, const gossip::RowRequest& request, bool beat,
           Duration now);
  /// Carries out what has arrived by now. Requests outlive the process that sent them.
  void Advance(Duration now);
  /// The answer to this node's last request, if it is there by now.
  std::optional<Answer> TakeAnswer(std::size_t node, Duration now);
  Duration AnswerDue(std::size_t node) const { return answers_.at(node).at; }
  void Abandon(std::size_t node) { answers_.erase(node); }
  void Beat(const NodeId& name, Duration now) { heartbeats_[name] = now; }

 private:
  struct Pending {
    std::size_t node = 0;
    NodeId name;
    gossip::RowRequest request;
    bool beat = false;
    std::uint64_t number = 0;
  };

  void CarryOut(const Pending& pending, Duration now);

  gossip::Random random_;
  Tenure row_;
  std::map<std::uint64_t, NodeId> history_;
  std::map<NodeId, Duration> heartbeats_;
  std::set<std::size_t> away_;
  bool away_from_all_ = false;
  Duration longest_ = std::chrono::milliseconds(5);
  std::multimap<Duration, Pending> arriving_;
  struct Expected : Answer {
    std::uint64_t number = 0;
  };
  std::map<std::size_t, Expected> answers_;
  std::uint64_t requests_ = 0;
};

}  // namespace sf::sim
