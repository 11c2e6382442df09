// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/broadcasts.h"
#include "gossip/config.h"
#include "gossip/event.h"
#include "gossip/health.h"
#include "gossip/member.h"
#include "gossip/membership.h"
#include "gossip/messages.h"
#include "gossip/outbox.h"
#include "gossip/probe.h"
#include "gossip/random.h"

namespace sf::gossip {

/// A member to ask by a TCP connection, after it did not answer by UDP. Its kernel's answer is for
/// OnKernelAnswers or OnUnreachableEvidence; its own, to the ping that the connection carries, for
/// Receive.
struct KernelCheck {
  NodeId name;
  Datagram ping;
};

/// What the caller is to carry out: datagrams to send, events to pass on, members to ask otherwise.
struct Output {
  std::vector<Datagram> sends;
  std::vector<Event> events;
  std::vector<KernelCheck> kernel_checks;
};

struct Counters {
  std::uint64_t received = 0;
  std::uint64_t malformed = 0;
  std::uint64_t sent = 0;
  std::uint64_t bytes_sent = 0;
  std::uint64_t probes = 0;
  std::uint64_t probes_failed = 0;
  std::uint64_t refutations = 0;
  std::uint64_t syncs = 0;
  std::uint64_t overslept = 0;
};

/// One node's view of the cluster: SWIM (Das, Gupta, Motivala 2002) with Lifeguard (Dadgar,
/// Phillips, Currey 2018), told along a tree and repaired by digests.
///
/// Pure: opens no socket, reads no clock, starts no thread, draws from its own seeded generator.
/// The caller hands in datagrams and the time, and carries out the Output that comes back. The
/// libuv transport and the simulator are the two callers, and the core cannot tell them apart.
/// Datagrams are taken to come from members: seal.h sees to that.
///
/// Thread: loop. Invariant: an event is reported once per change, after members() shows it.
class Gossip {
 public:
  /// `boot` is random and new at each start; so is `seed`.
  Gossip(Config config, NodeId name, Address address, BootId boot, std::uint64_t seed, Time now);
  Gossip(const Gossip&) = delete;
  Gossip& operator=(const Gossip&) = delete;

  /// Asks `seeds` for the others, again and again until one answers. They are also tried when a
  /// partition may have healed. Without seeds this node begins a cluster.
  [[nodiscard]] Output Join(std::span<const Address> seeds, Time now);
  [[nodiscard]] Output Receive(const Address& from, std::string_view datagram, Time now);
  [[nodiscard]] Output Tick(Time now);
  /// Says `payload` (at most kMaxPayload bytes) under `key` to all, instead of what was there.
  [[nodiscard]] Output Announce(std::uint32_t key, std::string payload, Time now);
  /// As a joiner would, in case a cut has healed: nobody else would speak to a member that is dead.
  [[nodiscard]] Output Greet(const Address& to, Time now);
  /// "Rows that concern you have changed." Nothing is sent to who is not there.
  [[nodiscard]] Output SendNudge(const NodeId& to, Time now);
  /// Says goodbye. Go on carrying ticks and datagrams until settled(), or as long as there is time.
  [[nodiscard]] Output Leave(Time now);

  /// The kernel says that nothing listens there any more: a reset, an ICMP error. Neither loss nor
  /// a pause nor a partition can bring it about, so this node testifies at once.
  [[nodiscard]] Output OnUnreachableEvidence(const NodeId& peer, Time now);
  /// The kernel there accepts connections although the process is silent: stopped or starved.
  void OnKernelAnswers(const NodeId& peer) { prober_.OnKernelAnswers(peer); }

  /// When Tick() is next due. May move earlier after any call above, so re-read it each time.
  Time NextTick() const { return next_tick_; }
  const Members& members() const { return membership_.members(); }
  const Member& self() const { return membership_.self(); }
  std::uint64_t view() const { return membership_.view(); }
  const Counters& counters() const { return counters_; }
  int health_score() const { return health_.score(); }
  std::size_t rumours() const { return broadcasts_.size(); }
  bool settled() const { return broadcasts_.size() == 0; }

 private:
  /// Another node that claims this one's name, while it is asked whether it is really there.
  struct Rival {
    Statement said;
    std::uint32_t sequence = 0;
    int tries = 0;
    Time due = {};
  };
  /// When this node probes next, and whom.
  struct Turn {
    Time due = Time::max();
    const Member* target = nullptr;
  };
  struct Sender {
    NodeId name;
    BootId boot = 0;
    Address address;
  };

  void Wake(Time now);
  Output Finish(Time now);
  bool Departed() const { return self().said.state == MemberState::kLeft; }

  void On(const Ping& ping, const Sender& from, Time now);
  void On(const Ack& ack, const Sender& from, Time now);
  void On(const PingReq& request, const Sender& from, Time now);
  void On(const Vouch& vouch, const Sender& from, Time now);
  void On(const Tell& tell, const Sender& from, Time now);
  void On(const Announced& announced, const Sender& from, Time now);
  void On(const Heard& heard, const Sender& from, Time now);
  void On(const Buckets& buckets, const Sender& from, Time now);
  void On(const Entries& entries, const Sender& from, Time now);
  void On(const Want& want, const Sender& from, Time now);
  void On(const Delta& delta, const Sender& from, Time now);
  void On(const Nudge& nudge, const Sender& from, Time now);

  Outcome Believe(const Statement& heard, Time now);
  Outcome AnswerTo(const Statement& about_self, Time now);
  void Refute(Incarnation accused_at, Time now);
  void TickRival(Time now);
  void OnRivalAck(const Ack& ack, BootId boot);
  void Accuse(const NodeId& name, Evidence evidence, Time now);
  void Confirm(const NodeId& name, Time now);
  void Correct(const Sender& from);
  void CompareViews(std::uint64_t view, const Address& with, Time now);
  void BeginPursuit(Duration gap);
  void Pursue(const Address& with, Time now);
  bool MayCompare();
  void Reply(const Address& to, const std::vector<Part>& parts);
  std::uint64_t TreeStart(Time now) const;
  void FollowClock(std::uint64_t milliseconds, Time now);

  void TickJoin(Time now);
  void TickProbe(Time now);
  void TickReconnect(Time now);
  void TickPursuit(Time now);
  void RepeatPing(std::uint32_t sequence, Time now);
  void AskHelpers(std::uint32_t sequence, Time now);
  void SendPing(const Member& target, Time now);
  std::uint64_t ClusterMilliseconds(Time now) const;
  Turn NextTurn() const;
  Statement OwnTestimony(const Member& accused, Evidence evidence) const;

  const Config config_;
  Random random_;
  Health health_;
  Membership membership_;
  Prober prober_;
  Broadcasts broadcasts_;
  Outbox outbox_;
  std::vector<Event> events_;
  std::vector<KernelCheck> kernel_checks_;
  std::vector<Address> seeds_;
  std::optional<Rival> rival_;
  bool name_taken_ = false;
  Time clock_zero_;             // when the cluster's clock showed 0, by ours
  Duration probed_until_ = {};  // by the cluster's clock
  Time next_join_ = Time::max();
  Time next_reconnect_;
  Time next_sync_ = Time::min();
  Time next_pursuit_ = Time::max();
  int compared_ = 0;          // in the present datagram, and
  std::size_t answered_ = 0;  // bytes to it
  int pursuits_left_ = 0;
  Duration pursuit_gap_ = {};
  Time last_change_ = Time::min();
  Time next_tick_ = Time::max();
  Counters counters_;
};

}  // namespace sf::gossip
