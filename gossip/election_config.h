// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "gossip/member.h"

namespace sf::gossip {

/// Every number of the election, with what it trades against what. All nodes of a cluster should
/// have the same.
struct ElectionConfig {
  /// How long the holder must have been dead or gone in this node's view before it asks for the
  /// row: time for news that it lives after all. With gossip's `dead_after_min` it must be longer
  /// than `orphan_limit` on the slowest clock. 1 s - 30 s.
  Duration claim_delay = std::chrono::seconds(2);
  /// For how long services go on without their daemon, so that a restart fits in; and so the sleep
  /// after which a holder must not go on as if nothing had happened. 2 s - 30 s.
  Duration orphan_limit = std::chrono::seconds(4);
  /// A holder that overslept or restarted while the row is away goes on after having been in touch
  /// with others for so long without hearing of a higher term. Longer than a comparison of two
  /// views takes. 1 s - 10 s.
  Duration touch = std::chrono::seconds(2);
  /// How often the holder reads the row, which is how soon it learns from the database alone that
  /// it was replaced; and how often the others do, when nothing suggests that it changed. One
  /// statement each. 500 ms - 2 s; 5 s - 60 s.
  Duration holder_reads = std::chrono::seconds(1);
  Duration others_read = std::chrono::seconds(10);
  /// The same of a holder of whom gossip has never heard: this node, or all of them, have only just
  /// started. Longer than joining and a verdict take together. 5 s - 60 s.
  Duration unknown_delay = std::chrono::seconds(8);
  /// A claim that was refused is repeated so often while its reasons last. 500 ms - 5 s.
  Duration claim_retry = std::chrono::seconds(1);
  /// How long the row may take to answer before this node is not held to be ready, as others may be
  /// who can read it; and how often it tries again then. 1 s - 10 s.
  Duration row_patience = std::chrono::seconds(2);
  /// A holder whose host cannot serve hands the row over after so long. 2 s - 60 s.
  Duration incapable_after = std::chrono::seconds(5);
  /// How often a serving node greets whoever may believe that it serves too, in case a cut between
  /// them has healed. It bounds how long both serve then. 200 ms - 1 s.
  Duration greet_every = std::chrono::milliseconds(500);
};

}  // namespace sf::gossip
