// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>

#include "gossip/gossip.h"
#include "node/base/event_loop.h"

namespace sf::gossip {

class Streams;

/// The members just before `self` on the ring: those whose suspicion it would be asked to confirm.
std::set<Address> SubjectsOf(const Member& self, const Members& members, std::size_t count);

/// A silent connection to each of the few members that this node watches over. A process cannot die
/// without its kernel ending its connections, so its end is known at once, where a probe has to
/// wait for its turn. As it says nothing, it costs nothing.
///
/// The end of one is no evidence: a member may have had enough connections. It is made again at
/// once, then at growing intervals, and the kernel there says by refusing it that nobody is left.
///
/// Thread: loop.
class Sentinels {
 public:
  Sentinels(EventLoop& loop, const Gossip& gossip, Streams& streams, std::size_t count);

  /// Looks again soon whom to watch: a cluster that is beginning changes all the time.
  void OnMembersChanged();
  void OnEnded(const Address& peer);

 private:
  struct Watch {
    Time opened = {};
    Time due = Time::max();  ///< to be made again
    int failures = 0;
  };

  void OnTime();
  void Choose();
  void Arm();

  const Gossip& gossip_;
  Streams& streams_;
  const std::size_t count_;
  std::map<Address, Watch> watches_;
  Time choose_ = Time::max();
  EventLoop::Alarm alarm_;
};

}  // namespace sf::gossip
