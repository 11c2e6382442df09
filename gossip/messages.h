// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "gossip/member.h"

namespace sf::gossip {

/// A datagram is a Packet: who speaks, and any number of parts. Whatever is to be said to one node
/// at one moment goes in one packet, which is all there is to piggybacking.

/// "Are you there? This is what I know." The view is a hash over all living members and the
/// versions of their items: two nodes with equal ones have nothing to tell each other.
struct Ping {
  std::uint32_t sequence = 0;
  std::uint64_t view = 0;
  /// Milliseconds of the cluster's clock, so that all nodes are in the same period: see probe.h.
  std::uint64_t clock = 0;
  bool operator==(const Ping&) const = default;
};

struct Ack {
  std::uint32_t sequence = 0;
  std::uint64_t view = 0;
  std::uint64_t clock = 0;
  bool operator==(const Ack&) const = default;
};

/// "I cannot reach it; can you?" (SWIM's ping-req.)
struct PingReq {
  std::uint32_t sequence = 0;
  NodeId target;
  Address address;
  std::uint32_t patience = 0;  ///< milliseconds for which the asker will wait for an answer
  bool operator==(const PingReq&) const = default;
};

/// The helper's answer: reached, or (Lifeguard's nack) not, but you can hear me.
struct Vouch {
  std::uint32_t sequence = 0;
  bool reached = false;
  bool operator==(const Vouch&) const = default;
};

/// A rumour about a member, for the receiver and for whoever is between it and `until` on the ring:
/// they are the receiver's to tell.
struct Tell {
  Statement statement;
  NodeId until;
  bool operator==(const Tell&) const = default;
};

/// A rumour about an item, likewise.
struct Announced {
  NodeId owner;
  BootId boot = 0;
  Item item;
  NodeId until;
  bool operator==(const Announced&) const = default;
};

/// "I have it", so that it need not be pushed to me again, and whether I had it before.
struct Heard {
  std::uint32_t rumour = 0;
  bool known = false;
  bool operator==(const Heard&) const = default;
};

/// How finely a view is cut at most. The number of buckets is always a power of two.
constexpr std::size_t kMaxBuckets = 256;

/// Anti-entropy, first step: the view cut into buckets, equal slices of the ring, and a hash of
/// each.
struct Buckets {
  std::vector<std::uint32_t> hashes;  ///< as many as there are buckets
  bool operator==(const Buckets&) const = default;
};

/// Second step: what the sender knows of the members in the buckets that differ; of those named in
/// `covered` it is all that it knows. Third step, with nothing covered: what was missing there.
struct Entries {
  struct Entry {
    Statement statement;
    std::uint64_t complete = 0;
    bool operator==(const Entry&) const = default;
  };
  std::uint32_t buckets = 0;  ///< into how many the names are cut
  std::vector<std::uint32_t> covered = {};
  std::vector<Entry> entries = {};
  bool operator==(const Entries&) const = default;
};

/// "Of this owner's items I have everything up to `since`."
struct Want {
  NodeId owner;
  BootId boot = 0;
  std::uint64_t since = 0;
  bool operator==(const Want&) const = default;
};

/// The newest items with versions in (since, through]; none that is still valid is left out.
struct Delta {
  NodeId owner;
  BootId boot = 0;
  std::uint64_t since = 0;
  std::uint64_t through = 0;
  std::vector<Item> items;
  bool operator==(const Delta&) const = default;
};

/// "Rows that concern you have changed." A hint and no more: unacknowledged, and whoever misses it
/// finds the rows at its next look.
struct Nudge {
  bool operator==(const Nudge&) const = default;
};

using Part = std::variant<Ping, Ack, PingReq, Vouch, Tell, Announced, Heard, Buckets, Entries, Want,
                          Delta, Nudge>;

struct Packet {
  NodeId from;
  BootId boot = 0;
  std::vector<Part> parts;
  bool operator==(const Packet&) const = default;
};

}  // namespace sf::gossip
