// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gossip/config.h"
#include "gossip/messages.h"
#include "gossip/outbox.h"
#include "gossip/random.h"
#include "gossip/ring.h"

namespace sf::gossip {

/// What is still to be told, and to whom.
///
/// News is forwarded on first receipt, down a tree over all members: everyone has it after
/// ceil(log4 n) hops and n - 1 datagrams, where SWIM's piggybacking waits for probes and a push on
/// a timer takes 2 ln n / rate. Each push is owed until it is acknowledged. A child that stays
/// silent loses its children to us, so a dead inner node costs a moment, not a subtree. Beside the
/// tree each node tells random members until one knew already: that repairs where views, and so
/// trees, differ. Who is missed even so finds out at the next ping, whose view digest differs, and
/// pulls; so nothing depends on a number of copies being large enough.
///
/// One rumour per subject: a newer one replaces the older, so the queue cannot outgrow the table. A
/// testimony is a subject of its own and travels alone: were it merged with others on its way, some
/// would learn of it along one tree and so not pass it on along the other, and whoever depends on
/// them there would wait.
///
/// Thread: loop.
class Broadcasts {
 public:
  /// Whose statement (slot 0), which item of whom (1 + its key), or whose testimony against whom.
  using Subject = std::pair<NodeId, std::uint64_t>;

  Broadcasts(const Config& config, Random& random) : config_(config), random_(random) {}

  /// Begins or goes on to spread a rumour, except to `source`, who told us. If the root could not
  /// tell its own children, we stand in for it.
  void Spread(const Statement& statement, const NodeId& root, const NodeId& source, Time now,
              bool stand_in = false);
  void Spread(Announced announced, const NodeId& source, Time now);

  /// This was learned by comparing views, and so not passed on: half of a cluster could be new to a
  /// joiner. If it comes along the tree as well, whoever stands below still waits for it, and then
  /// ComparedOnly() says so, once.
  void NoteCompared(const Statement& statement);
  void NoteCompared(const Announced& announced) { NoteCompared(IdOf(announced)); }
  bool ComparedOnly(std::uint32_t rumour) { return compared_.erase(rumour) != 0; }

  void OnHeard(const Heard& heard, const NodeId& from);
  /// `member` has shown by itself that it knows this rumour.
  void OnKnownBy(std::uint32_t rumour, const NodeId& member);

  void Tick(Time now, const Ring& ring, const std::map<NodeId, Member>& members, const Member& self,
            Outbox& outbox);
  Time next_tick() const { return due_.empty() ? Time::max() : due_.begin()->first; }
  std::size_t size() const { return rumours_.size(); }

  /// Names a rumour in an acknowledgement. A collision costs a push that the next digest makes up.
  static std::uint32_t IdOf(const Statement& statement);
  static std::uint32_t IdOf(const Announced& announced);

 private:
  struct Debt {
    Time due = {};
    int tries = 0;
  };
  struct Rumour {
    std::uint32_t id = 0;
    std::string encoded;
    NodeId root;
    NodeId source;
    bool stand_in = false;
    bool rooted = false;  ///< its children in the tree are among the debts
    std::map<NodeId, Debt> debts = {};
    std::set<NodeId> settled = {};  ///< acknowledged or given up
    Time next_random = {};
    int random_pushes = 0;
    int known_already = 0;
    Time due = {};
  };
  struct Round;  // what Tick hands down

  void NoteCompared(std::uint32_t rumour);
  Rumour& Begin(Subject subject, std::uint32_t id, const Part& part, const NodeId& root,
                const NodeId& source, Time now);
  void Erase(const Subject& subject);
  void Reschedule(const Subject& subject, Rumour& rumour, Time due);
  void OweChildren(Rumour& rumour, const Member& of, const Round& round) const;
  void PayDebts(Rumour& rumour, const Round& round) const;
  void PushAtRandom(Rumour& rumour, const Round& round);
  Time NextOf(const Rumour& rumour) const;

  const Config& config_;
  Random& random_;
  std::map<Subject, Rumour> rumours_;
  std::set<std::pair<Time, Subject>> due_;
  std::map<std::uint32_t, Subject> by_id_;
  std::set<std::uint32_t> compared_;
};

}  // namespace sf::gossip
