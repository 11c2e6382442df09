// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "gossip/config.h"
#include "gossip/health.h"
#include "gossip/member.h"

namespace sf::gossip {

/// Probes under way: SWIM's ping, and its ping-req through helpers (section 3.1), as asker and as
/// helper. Decides nothing but who was silent; when to probe whom is Gossip's business.
///
/// A verdict comes after two timeouts, not at the end of the period, and after four pings, one in
/// each half of each timeout: at 10 % loss one probe in five loses its first ping or the answer,
/// and one in eight hundred all four. A helper that hears nothing says so at 80 % of the asker's
/// patience (Lifeguard's nack): later it would arrive when nobody waits for it any more, and count
/// as this node's own deafness.
///
/// Thread: loop.
class Prober {
 public:
  struct Probe {
    NodeId target;
    BootId boot = 0;
    Incarnation incarnation = 0;  ///< at the start: a higher one since then is a sign of life
    Address address;
    Time sent = {};
    Time due = {};
    Duration patience = {};  ///< of the indirect half
    int stage = 0;           ///< how many of the four quarters have passed
    bool frozen = false;     ///< its kernel accepts connections
    std::size_t asked = 0;
    std::set<NodeId> vouched = {};  ///< helpers that answered, whatever they said
  };
  struct Favour {
    NodeId target;
    Address asker;
    std::uint32_t asker_sequence = 0;
    Time due = {};
  };
  /// What is due: pings to repeat, probes to get help for, probes that failed, favours that came to
  /// nothing.
  struct Due {
    std::vector<std::uint32_t> repeat;
    std::vector<std::uint32_t> need_help;
    std::vector<Probe> failed;
    std::vector<Favour> fruitless;
  };
  struct Answered {
    std::optional<Probe> probe;
    std::optional<Favour> favour;
  };

  Prober(const Config& config, Health& health, std::uint32_t first_sequence)
      : config_(config), health_(health), sequence_(first_sequence) {}

  /// The sequence to ping with.
  std::uint32_t Begin(const Member& target, Time now);
  /// Nothing if too many are under way.
  std::optional<std::uint32_t> BeginFavour(const Favour& favour, Duration patience, Time now);
  bool IsProbing(const NodeId& target) const;

  Answered OnAck(std::uint32_t sequence, const NodeId& from);
  void OnVouch(std::uint32_t sequence, const NodeId& from, bool reached);
  void OnKernelAnswers(const NodeId& target);
  /// There is nothing more to find out about it.
  void Abandon(const NodeId& target);
  void AbandonAll();

  Due Tick(Time now);
  Time next_tick() const;
  const Probe& at(std::uint32_t sequence) const { return probes_.at(sequence); }
  void NoteAsked(std::uint32_t sequence, std::size_t helpers);

 private:
  const Config& config_;
  Health& health_;
  std::uint32_t sequence_;
  std::map<std::uint32_t, Probe> probes_;
  std::map<std::uint32_t, Favour> favours_;
};

}  // namespace sf::gossip
