// SPDX-License-Identifier: Apache-2.0
#include "gossip/probe.h"

#include <algorithm>

namespace sf::gossip {
namespace {

constexpr std::size_t kMaxFavours = 256;

// Stages of a probe: half of the ping timeout, the other half, and the halves of the indirect one.
constexpr int kIndirect = 2;
constexpr int kOver = 4;

}  // namespace

std::uint32_t Prober::Begin(const Member& target, Time now) {
  const int multiplier = health_.multiplier();
  probes_[++sequence_] = {.target = target.said.name,
                          .boot = target.said.boot,
                          .incarnation = target.said.incarnation,
                          .address = target.said.address,
                          .sent = now,
                          .due = now + config_.ping_timeout * multiplier / 2,
                          .patience = config_.indirect_timeout * multiplier};
  return sequence_;
}

std::optional<std::uint32_t> Prober::BeginFavour(const Favour& favour, Duration patience,
                                                 Time now) {
  if (favours_.size() >= kMaxFavours) return std::nullopt;
  const Duration longest = config_.indirect_timeout * (config_.max_health_score + 1);
  favours_[++sequence_] = favour;
  favours_[sequence_].due = now + std::min(patience, longest) * 4 / 5;
  return sequence_;
}

bool Prober::IsProbing(const NodeId& target) const {
  return std::ranges::any_of(probes_, [&](const auto& p) { return p.second.target == target; });
}

Prober::Answered Prober::OnAck(std::uint32_t sequence, const NodeId& from) {
  Answered answered;
  if (const auto probe = probes_.find(sequence);
      probe != probes_.end() && probe->second.target == from) {
    // An answer to the ping itself says that this node is well; one through helpers does not.
    if (probe->second.stage < kIndirect) health_.Improve();
    answered.probe = std::move(probe->second);
    probes_.erase(probe);
  } else if (const auto favour = favours_.find(sequence);
             favour != favours_.end() && favour->second.target == from) {
    answered.favour = std::move(favour->second);
    favours_.erase(favour);
  }
  return answered;
}

void Prober::OnVouch(std::uint32_t sequence, const NodeId& from, bool reached) {
  const auto probe = probes_.find(sequence);
  if (probe == probes_.end() || probe->second.stage < kIndirect) return;
  if (reached) {
    probes_.erase(probe);
  } else {
    probe->second.vouched.insert(from);
  }
}

void Prober::OnKernelAnswers(const NodeId& target) {
  for (auto& [sequence, probe] : probes_) {
    if (probe.target == target) probe.frozen = true;
  }
}

void Prober::Abandon(const NodeId& target) {
  std::erase_if(probes_, [&](const auto& p) { return p.second.target == target; });
}

void Prober::AbandonAll() {
  probes_.clear();
  favours_.clear();
}

Prober::Due Prober::Tick(Time now) {
  Due due;
  for (auto entry = probes_.begin(); entry != probes_.end();) {
    auto& [sequence, probe] = *entry;
    if (probe.due > now) {
      ++entry;
    } else if (++probe.stage < kOver) {
      const Duration direct = config_.ping_timeout * health_.multiplier();
      probe.due = now + (probe.stage < kIndirect ? direct : probe.patience) / 2;
      (probe.stage == kIndirect ? due.need_help : due.repeat).push_back(sequence);
      ++entry;
    } else {
      // Lifeguard: each helper of whom nothing is heard may mean that it is we who hear nothing.
      health_.Worsen(static_cast<int>(probe.asked - std::min(probe.asked, probe.vouched.size())));
      due.failed.push_back(std::move(probe));
      entry = probes_.erase(entry);
    }
  }
  for (auto entry = favours_.begin(); entry != favours_.end();) {
    if (entry->second.due > now) {
      ++entry;
    } else {
      due.fruitless.push_back(std::move(entry->second));
      entry = favours_.erase(entry);
    }
  }
  return due;
}

Time Prober::next_tick() const {
  Time next = Time::max();
  for (const auto& [sequence, probe] : probes_) next = std::min(next, probe.due);
  for (const auto& [sequence, favour] : favours_) next = std::min(next, favour.due);
  return next;
}

void Prober::NoteAsked(std::uint32_t sequence, std::size_t helpers) {
  probes_.at(sequence).asked = helpers;
}

}  // namespace sf::gossip
