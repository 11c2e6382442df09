// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gossip/config.h"
#include "gossip/members.h"
#include "gossip/messages.h"
#include "gossip/outbox.h"
#include "gossip/random.h"
#include "gossip/ring.h"

namespace sf::gossip {

/// What is still to be told, and to whom.
///
/// News is forwarded on first receipt, down a tree: whoever has it cuts the ring into `fan_out`
/// arcs and tells the first member of each, which does the same with the rest of its arc. Everyone
/// has it after ceil(log4 n) hops and n - 1 datagrams, where SWIM's piggybacking waits for probes
/// and a push on a timer takes 2 ln n / rate. Where views differ, only a member that is not known
/// yet is left out. All trees of one period begin at one place, so what is told at one moment goes
/// along the same edges, and in a storm many rumours share a datagram.
///
/// Each push is owed until it is acknowledged. The arc of one that stays silent is told by us, so a
/// dead inner node costs a moment, not a subtree. Beside the tree each node tells random members
/// until one knew already. Who is missed even so finds out at the next ping, whose view digest
/// differs, and pulls; so nothing depends on a number of copies being large enough.
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

  /// Tells those between here and `until`, which is everyone if it is empty, but for `source`, who
  /// told us.
  void Spread(const Statement& statement, const NodeId& until, const NodeId& source, Time now);
  void Spread(const Announced& announced, const NodeId& source, Time now);

  /// This was learned by comparing views, or from somebody at random, and so there was nobody to
  /// tell for it: half of a cluster could be new to a joiner. If it comes along the tree as well,
  /// whoever stands below still waits for it, and then WasUntold() says so, once.
  void NoteUntold(const Statement& statement);
  void NoteUntold(const Announced& announced) { NoteUntold(IdOf(announced)); }
  bool WasUntold(std::uint32_t rumour) { return untold_.erase(rumour) != 0; }
  /// It came once more, by way of another view of the ring: those up to `until` are told, too.
  void AlsoTell(std::uint32_t rumour, const NodeId& until, Time now);

  void OnHeard(const Heard& heard, const NodeId& from);
  /// `member` has shown by itself that it knows this rumour, though not that others are left to it.
  void OnKnownBy(std::uint32_t rumour, const NodeId& member);

  /// `start` is the place where trees that begin now begin.
  void Tick(Time now, std::uint64_t start, const Ring& ring, const Members& members,
            const Member& self, Outbox& outbox);
  Time next_tick() const {
    return due_.empty() ? Time::max() : std::max(due_.begin()->first, next_flush_);
  }
  std::size_t size() const { return rumours_.size(); }

  /// Names a rumour in an acknowledgement. A collision costs a push that the next digest makes up.
  static std::uint32_t IdOf(const Statement& statement);
  static std::uint32_t IdOf(const Announced& announced);

 private:
  struct Debt {
    Time due = {};
    int tries = 0;
    NodeId until = {};  ///< how far it is to pass it on; its own name: to nobody
  };
  struct Rumour {
    std::uint32_t id = 0;
    Part part;  ///< a Tell or an Announced
    NodeId source;
    std::vector<NodeId> arcs = {};  ///< up to where it is still to be shared out
    std::set<NodeId> shared = {};   ///< up to where it ever was to be
    std::map<NodeId, Debt> debts = {};
    std::set<NodeId> settled = {};  ///< acknowledged or given up
    bool answered = false;          ///< by anybody
    Time next_random = {};
    int random_pushes = 0;
    int known_already = 0;
    Time due = {};
  };
  struct Round;  // what Tick hands down

  void NoteUntold(std::uint32_t rumour);
  void Begin(Subject subject, std::uint32_t id, Part part, const NodeId& until,
             const NodeId& source, Time now);
  void Erase(const Subject& subject);
  void Settle(Subject subject, const NodeId& member);
  void Reschedule(const Subject& subject, Rumour& rumour, Time due);
  void ShareOut(Ring::Arc arc, const NodeId& until, const NodeId& about, Rumour& rumour,
                const Round& round) const;
  void PayDebts(const NodeId& about, Rumour& rumour, Round& round) const;
  int TriesFor(const Rumour& rumour, const Member& member) const;
  void PushAtRandom(Rumour& rumour, Round& round);
  Time NextOf(const Rumour& rumour) const;

  const Config& config_;
  Random& random_;
  std::map<Subject, Rumour> rumours_;
  std::set<std::pair<Time, Subject>> due_;
  std::map<std::uint32_t, Subject> by_id_;
  std::set<std::uint32_t> untold_;
  Time next_flush_ = Time::min();
  Time paid_until_ = Time::min();  // by what was flushed, at one per `gather`
  Time next_random_ = Time::min();
};

}  // namespace sf::gossip
