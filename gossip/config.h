// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "gossip/member.h"

namespace sf::gossip {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// Every number of the protocol, with what it trades against what, and the range in which the
/// promises were measured. All nodes of a cluster should have the same.
struct Config {
  // ---- probing (SWIM, sections 3.1 and 4.3) -------------------------------------------------

  /// Each member is probed once per period. Shorter finds a dead one sooner (half of it on
  /// average, all of it at worst) and costs 2 packets per member each time. 200 ms - 5 s.
  Duration period = seconds(1);
  /// Silence after which helpers are asked, and after which they are no longer waited for. Shorter
  /// than a loaded host's scheduling delay makes suspicions; 50 ms - 1 s. Both together must be
  /// shorter than the period.
  Duration ping_timeout = milliseconds(200);
  Duration indirect_timeout = milliseconds(200);
  /// More survive more loss, at 4 packets each for every probe that fails. 1 - 5.
  std::size_t helpers = 3;
  /// Lifeguard's local health runs from 0 to this; all timeouts are multiplied by it plus 1.
  int max_health_score = 8;

  // ---- verdicts (Lifeguard, section IV) ------------------------------------------------------

  /// Who probe a suspect at once, instead of waiting for their turn. At least 2, so that one of
  /// them may be dead too. 1 - 5.
  std::size_t confirmers = 3;
  /// Distinct members that must have found a member silent before it is `unreachable` or `dead`
  /// (fewer if there are not so many). 1 believes any single faulty node.
  std::size_t witnesses = 2;
  /// From first suspicion to `dead` with all witnesses, and with only as many as are needed at
  /// least. The first is the pause tolerance: whatever is silent for longer, is buried. 2 s - 60 s.
  Duration dead_after_min = milliseconds(2800);
  Duration dead_after_max = milliseconds(4200);
  /// The same if its host's kernel still answers: a stopped or starved process. >= dead_after_max.
  Duration frozen_after = milliseconds(6500);
  /// A tick that comes so late means that this node itself was stopped; it then blames nobody for
  /// what it did not hear. Below the ping timeout. 20 - 200 ms.
  Duration oversleep = milliseconds(100);

  // ---- dissemination --------------------------------------------------------------------------

  /// Children per node of the tree along which news runs: ceil(log4 n) hops, n - 1 packets. More
  /// is flatter and bursts more. 2 - 8.
  std::size_t fan_out = 4;
  /// News goes on at once, so many times in a row; then once per `gather`, so that in a storm many
  /// rumours share a datagram. A longer one saves datagrams and costs as much time per hop, in
  /// storms only. 5 - 50 ms.
  int at_once = 3;
  Duration gather = milliseconds(20);
  /// How long an acknowledgement waits for others, or for something else that goes there. With the
  /// round trip below push_retry. 0 - 20 ms.
  Duration ack_wait = milliseconds(10);
  /// When an unacknowledged push is repeated; doubles three times. Above the usual round trip, or
  /// everything is sent twice. 10 - 500 ms.
  Duration push_retry = milliseconds(30);
  /// At 30 % loss one push in 15,000 fails so often; to one that died unnoticed all are in vain.
  /// While all children and theirs are silent, so that this node itself must be cut off, it is
  /// `orphaned_at`.
  int push_tries = 8;
  /// Pushes without an answer after which a member's children in the tree are told for it. With 1
  /// and heavy loss everyone would soon tell everyone. 2 - 4.
  int orphaned_at = 3;
  /// Beside the tree, each node tells random members until so many knew it already (Demers et al.
  /// 1987, section 1.4: feedback and counter), but at most this often times log2(n) altogether.
  int settled_at = 1;
  int retransmit_mult = 2;
  /// Between two of those, of whatever rumours; all that are due go to the same member. Longer
  /// saves datagrams, shorter repairs sooner where views differ. 30 - 200 ms.
  Duration random_gap = milliseconds(60);

  // ---- anti-entropy ---------------------------------------------------------------------------

  /// Views whose digests differ are compared at most this often, so that a burst of changes is not
  /// chased while it is still on its way. 50 ms - 1 s.
  Duration sync_gap = milliseconds(200);
  /// A joiner misses what was under way while it was not yet known to all, so it compares again
  /// sooner: after so long, and then twice as long each time. More than a few `gather`. 30 - 200
  /// ms.
  Duration settle_in = milliseconds(50);
  /// And how often at most until somebody's view is one's own. 1 - 10.
  int sync_tries = 6;
  /// How often a node tries one seed or dead member, in case a partition has healed: the time to
  /// heal for small clusters against probes into the void. 1 s - 60 s.
  Duration reconnect = seconds(5);
  /// Until a first member answers. 200 ms - 5 s.
  Duration join_retry = milliseconds(500);
  /// How long a dead or left member is remembered, so that old news of it is not believed again.
  /// Longer than any partition from which nodes return with stale views. 1 min - 24 h.
  Duration tombstone = minutes(60);

  // ---- limits ---------------------------------------------------------------------------------

  /// Bytes before sealing. 1200 + 32 of the seal + 28 of IPv4 and UDP fit through any path of 1280.
  std::size_t max_datagram = 1200;
  std::size_t max_members = 10000;
  std::size_t max_items = 4096;  ///< of one owner
  /// Bytes with which one datagram of a comparison of views is answered. The rest is asked for by
  /// the next comparison; without it, one datagram could have tables sent a hundred times over.
  std::size_t max_answer = 256 << 10;
  std::size_t max_rumours = 4096;  ///< waiting to be told; the oldest go first, pull repairs them
};

}  // namespace sf::gossip
