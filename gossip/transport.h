// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gossip/gossip.h"
#include "gossip/seal.h"
#include "node/base/event_loop.h"
#include "node/base/result.h"

namespace sf::gossip {

class Envelope;
class Sentinels;
class Streams;
class UdpSocket;
struct Stream;

struct TransportOptions {
  Config config = {};
  NodeId name;
  /// Where to listen, by UDP and TCP, and what the others are told. Port 0: any that is free.
  Address address;
  /// The first seals, any opens. None: nothing is sealed, and only loopback is listened on.
  std::vector<Seal::Key> keys;
};

/// What went over the wire, and what did not. Bytes are those of UDP and TCP payloads.
struct TransportCounters {
  std::uint64_t udp_packets_in = 0;
  std::uint64_t udp_bytes_in = 0;
  std::uint64_t udp_packets_out = 0;
  std::uint64_t udp_bytes_out = 0;
  std::uint64_t udp_sends_failed = 0;
  std::uint64_t icmp_errors = 0;  ///< "Nobody listens at that port."
  std::uint64_t tcp_frames_in = 0;
  std::uint64_t tcp_bytes_in = 0;
  std::uint64_t tcp_frames_out = 0;
  std::uint64_t tcp_bytes_out = 0;
  std::uint64_t tcp_frames_dropped = 0;    ///< because too much was waiting already
  std::uint64_t connections_open = 0;      ///< now, both ways
  std::uint64_t connections_accepted = 0;  ///< ever
  std::uint64_t connections_over_limit = 0;
  std::uint64_t connections_expelled = 0;  ///< for what they sent, or did not send in time
  std::uint64_t kernel_checks = 0;
  std::uint64_t refusals = 0;  ///< connections of ours that a kernel refused
  std::array<std::uint64_t, kDropReasons> dropped = {};  ///< by Drop
};

/// Carries a Gossip: brings it datagrams, time and what the kernel knows, and carries out what it
/// says. UDP for nearly everything; TCP for what would be a burst of datagrams, as a second way to
/// a member that does not answer by UDP, and for evidence. A connection refused is the kernel's
/// own word that the process is gone, and the only one that is passed on: the end of a sentinel
/// connection (transport_sentinels.h) and an ICMP error only lead to a look, as both come about
/// otherwise.
///
/// Thread: loop. The loop outlives it; neither callback may destroy it.
class Transport {
 public:
  using OnEvent = std::function<void(const Event&)>;

  static Result<std::unique_ptr<Transport>> Listen(EventLoop& loop, TransportOptions options,
                                                   OnEvent on_event);
  /// Without a word to anybody: to the others it looks like a crash.
  ~Transport();
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;

  void Join(const std::vector<Address>& seeds);
  /// See Gossip::Greet().
  void Greet(const Address& to);
  /// See Gossip::SendNudge().
  void Nudge(const NodeId& to);
  /// See Gossip::Announce().
  void Announce(std::uint32_t key, std::string payload);
  /// Calls `done` as soon as all know, and after `at_most` in any case.
  void Leave(Duration at_most, std::function<void()> done);
  /// Not empty. See seal.h on how a cluster changes its key.
  void SetKeys(std::vector<Seal::Key> keys);

  const Gossip& gossip() const { return *gossip_; }
  TransportCounters counters() const;

 private:
  Transport(EventLoop& loop, TransportOptions options, OnEvent on_event);
  Result<void> Bind();
  Result<void> BindOnce();
  void Tick();
  void OnDatagram(const Address& from, std::string_view sealed);
  void OnStreamed(const Address& from, std::string_view text, Stream& stream);
  void LookAt(const Address& peer);
  void OnRefused(const Address& peer);
  void OnAccepted(const Address& peer);
  const Member* MemberAt(const Address& address) const;
  void Carry(Output output);
  void Send(std::vector<Datagram> sends);
  void FinishLeave();

  EventLoop& loop_;
  TransportOptions options_;
  OnEvent on_event_;
  TransportCounters counters_;
  std::unique_ptr<Envelope> envelope_;
  std::unique_ptr<UdpSocket> udp_;
  std::unique_ptr<Streams> streams_;
  std::unique_ptr<Gossip> gossip_;
  std::unique_ptr<Sentinels> sentinels_;
  EventLoop::Alarm tick_;
  EventLoop::Alarm leave_deadline_;
  std::function<void()> on_left_;
};

}  // namespace sf::gossip
