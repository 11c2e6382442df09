// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/simulator.h"

namespace sf::sim {

/// What is wrong with the views of a cluster on a network that has been well for a while; empty is
/// good. All nodes hold exactly those to be alive that run, whatever they went through, and of each
/// know what it announces, no more and no less.
std::vector<std::string> Unwell(const Simulator& sim);

/// The dead and those who left are forgotten when their time is up.
std::vector<std::string> OverdueGraves(const Simulator& sim);

/// How much is sent: in each second by each node no more than kBase + kEach n, and for each change
/// that it saw in that second or the two before (a push is repeated for 1.4 s) kPerChange + kTries
/// n. An endless exchange between two of them, at the speed of the network, is far more.
///
///   kBase       Its own probe and that of another, each with the indirect way: 2 * (4 pings + 3
///               requests), 3 favours of 2, answers to as many; some of it at once for each of
///               several pursuers.
///   kEach       A view is compared in n / 20 datagrams, and up to 5 times a second (sync_gap); and
///               where the way is slow, what all have sent for seconds is answered in one.
///   kPerChange  4 children, each at most 8 times, 2 log2(n) random members, and answers to as
///   many. kTries      Whoever is cut off is answered by none of its children, nor by theirs, and
///   in the
///               end has told everyone as often as a push is tried; and is told as often.
///
/// A node that was stopped does in one second what is left of many, and is not measured then.
class TrafficChecker : public Simulator::Observer {
 public:
  explicit TrafficChecker(const Simulator& sim) : sim_(sim) {}
  void OnOutput(std::size_t node, const gossip::Output& output) override;

  const std::vector<std::string>& violations() const { return violations_; }
  /// The largest share of its limit that any node used in any second.
  double highest() const { return highest_; }

 private:
  struct Seconds {
    std::int64_t now = 0;
    std::size_t sent = 0;
    // In this one and those before: a datagram may be 5 s late, and its retries a second later.
    std::array<std::size_t, 8> changes = {};
    std::int64_t excused_until = 0;
    std::uint64_t overslept = 0;
  };
  void Close(std::size_t node, Seconds& seconds);

  const Simulator& sim_;
  std::map<std::size_t, Seconds> nodes_;
  std::vector<std::string> violations_;
  double highest_ = 0;
};

/// For how long, added up, running members were held unreachable or dead by running members.
class WrongVerdicts : public Simulator::Observer {
 public:
  explicit WrongVerdicts(const Simulator& sim) : sim_(sim) {}
  void OnStop(std::size_t node) override;
  void OnOutput(std::size_t node, const gossip::Output& output) override;

  double pair_seconds() const { return static_cast<double>(total_.count()) / 1e6; }

 private:
  using Pair = std::pair<std::size_t, std::size_t>;  // who is wrong, and about whom

  const Simulator& sim_;
  std::map<Pair, Duration> since_;
  Duration total_ = {};
};

}  // namespace sf::sim
