// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gossip/advert.h"
#include "gossip/directory.h"
#include "gossip/election.h"
#include "tests/sim/role_row.h"
#include "tests/sim/simulator.h"

namespace sf::sim {

/// The network-services role in a simulated cluster: on each node the production directory and
/// election, a disk, and services that go on for a while when their daemon is stopped or gone; for
/// all of them one row. Drives them, and checks at every step:
///
///   1  One holder per term, ever, and nobody serves in a term that the row did not give it.
///   2  Two nodes that can exchange datagrams never both serve for longer than 2 s.
///   3  The term that a node knows of never goes back, as long as its disk is kept.
///   4  Nobody claims after the row did not answer to it.
class RoleWorld : public Simulator::Observer {
 public:
  RoleWorld(Simulator& sim, std::uint64_t seed) : sim_(sim), row_(seed) { sim.Observe(*this); }

  RoleRow& row() { return row_; }
  const RoleRow& row() const { return row_; }
  void SetCapable(std::size_t node, bool capable);
  void LoseDisk(std::size_t node) { hosts_[node].disk = {}; }
  /// As the daemon does: hands over, stops its services, says goodbye.
  void Leave(std::size_t node);

  /// Where services run, if only for as long as they do without their daemon.
  std::vector<std::size_t> Servers() const;
  /// The one that serves, if it holds the row, nobody else serves, and all that run know.
  std::optional<std::size_t> Settled() const;
  const Tenure& Known(std::size_t node) const { return hosts_.at(node).life->election.known(); }

  /// What was found, the first few; empty is good.
  const std::vector<std::string>& violations() const { return violations_; }
  /// Who began and who ceased to serve, in words.
  std::vector<std::pair<Duration, std::string>> TakeLines() { return std::exchange(lines_, {}); }

  void OnStart(std::size_t node) override;
  void OnOutput(std::size_t node, const gossip::Output& output) override;
  void OnAlarm(std::size_t node, std::size_t alarm) override;

 private:
  /// From a start of the daemon until it is stopped or killed.
  struct Life {
    std::uint64_t number = 0;
    gossip::Directory directory = {};
    gossip::AdvertWriter writer = {};
    gossip::Election election;
    std::uint64_t received = 0;
    Duration tick_at = {};  // when the alarm for the next tick is set
    bool update_is_due = false;
    bool row_was_away = false;
    bool leaves = false;

    Life(std::uint64_t count, const NodeId& name, const Gossip& gossip, const Tenure& disk,
         Time now)
        : number(count), election({}, name, gossip.members(), directory, disk, now) {}
  };
  struct Host {
    Tenure disk = {};
    Tenure highest = {};  // that a node knew of since its disk was lost
    bool capable = true;
    std::optional<Time> fed = {};  // when the daemon last saw to its services, by the host's clock
    std::optional<Life> life = {};
    std::uint64_t lives = 0;
  };

  void Carry(std::size_t node, const gossip::Wishes& wishes);
  void Announce(std::size_t node);
  void ArmTick(std::size_t node);
  void SetAlarm(std::size_t node, Duration delay, std::size_t kind);
  bool RunsServices(std::size_t node) const;
  bool CanExchange(std::size_t a, std::size_t b) const;
  void Check();
  void CheckNode(std::size_t node);
  void Violated(const std::string& what);
  void Note(std::size_t node, bool serves);

  Simulator& sim_;
  RoleRow row_;
  std::map<std::size_t, Host> hosts_;
  std::map<std::pair<std::size_t, std::size_t>, Duration> both_since_;
  std::set<std::size_t> noted_;
  std::vector<std::string> violations_;
  std::vector<std::pair<Duration, std::string>> lines_;
};

}  // namespace sf::sim
