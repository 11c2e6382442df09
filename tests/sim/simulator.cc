// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/simulator.h"

#include <algorithm>
#include <cmath>

namespace sf::sim {
namespace {

constexpr std::uint16_t kPort = 13002;
constexpr std::size_t kSeeds = 3;

}  // namespace

Simulator::Simulator(std::uint64_t seed, gossip::Config config)
    : config_(config), random_(seed), network_(random_.Next()) {}

void Simulator::Start(std::size_t count, Duration apart) {
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t index = nodes_.size();
    const auto ip = static_cast<std::uint32_t>(0x0a000000 + index);
    StartAs("n" + std::to_string(index), {.ip = ip, .port = kPort});
    RunFor(apart);
  }
}

std::size_t Simulator::StartAs(const std::string& name, const Address& address, double clock_rate) {
  const std::size_t index = nodes_.size();
  nodes_.push_back({.name = NodeId(name), .address = address, .clock_rate = clock_rate});
  // No two clocks show the same.
  nodes_[index].clock_then = Time(std::chrono::seconds(random_.Below(1000)));
  nodes_[index].clock_set = now_;
  by_address_[address] = index;
  Boot(index);
  return index;
}

void Simulator::Boot(std::size_t node) {
  Node& self = nodes_[node];
  // As the daemon makes it: seconds above chance.
  const auto seconds = static_cast<std::uint64_t>(now_ / std::chrono::seconds(1));
  const gossip::BootId boot = seconds << 32 | random_.Next() >> 32;
  self.host_up = true;
  self.paused_until = {};
  ++self.lives;
  self.gossip = std::make_unique<Gossip>(config_, self.name, self.address, boot, random_.Next(),
                                         LocalTime(node));
  std::vector<Address> seeds;
  for (std::size_t i = 0; i < std::min(kSeeds, nodes_.size()); ++i) {
    if (i != node) seeds.push_back(nodes_[i].address);
  }
  for (Observer* observer : observers_) observer->OnStart(node);
  Carry(node, self.gossip->Join(seeds, LocalTime(node)));
}

void Simulator::Kill(std::size_t node) { nodes_[node].gossip = nullptr; }

void Simulator::Crash(std::size_t node) {
  Kill(node);
  nodes_[node].host_up = false;
}

void Simulator::Restart(std::size_t node) { Boot(node); }

void Simulator::Pause(std::size_t node, Duration length) {
  nodes_[node].paused_until = std::max(nodes_[node].paused_until, now_ + length);
}

void Simulator::Leave(std::size_t node) {
  Carry(node, nodes_[node].gossip->Leave(LocalTime(node)));
}

void Simulator::Announce(std::size_t node, std::uint32_t key, std::string payload) {
  Carry(node, nodes_[node].gossip->Announce(key, std::move(payload), LocalTime(node)));
}

void Simulator::SetClockRate(std::size_t node, double rate) {
  nodes_[node].clock_then = LocalTime(node);
  nodes_[node].clock_set = now_;
  nodes_[node].clock_rate = rate;
  if (IsRunning(node)) ScheduleWake(node);
}

void Simulator::Inject(std::size_t node, const std::string& bytes) {
  Carry(node, nodes_[node].gossip->Receive({1, 1}, bytes, LocalTime(node)));
}

Time Simulator::LocalTime(std::size_t node) const {
  const Node& self = nodes_[node];
  const double passed = static_cast<double>((now_ - self.clock_set).count()) * self.clock_rate;
  return self.clock_then + Duration(std::llround(passed));
}

std::optional<std::size_t> Simulator::IndexOf(const NodeId& name) const {
  const auto node = std::ranges::find(nodes_, name, &Node::name);
  if (node == nodes_.end()) return std::nullopt;
  return static_cast<std::size_t>(node - nodes_.begin());
}

bool Simulator::RunUntil(Duration at_most, const std::function<bool()>& done) {
  const Duration end = now_ + at_most;
  while (!steps_.empty() && steps_.top().at <= end) {
    if (done()) return true;
    Step step = steps_.top();
    steps_.pop();
    now_ = step.at;
    Take(std::move(step));
  }
  now_ = end;
  return done();
}

void Simulator::Take(Step step) {
  Node& self = nodes_[step.node];
  if (step.kind == Kind::kWake) {
    if (self.wake_at != step.at) return;  // Since then it was found to be due at another time.
    self.wake_at = Duration::max();
  }
  if (self.gossip == nullptr) {
    // A kernel without the process says so. A host that is not there says nothing.
    if (step.kind == Kind::kDatagram && self.host_up &&
        network_.Connected(self.address, nodes_[step.from].address)) {
      Schedule(std::chrono::microseconds(200), Kind::kGone, step.from, step.node);
    }
    return;
  }
  if (IsPaused(step.node)) {  // In the socket's buffer, in order.
    step.at = self.paused_until;
    if (step.kind == Kind::kWake) self.wake_at = step.at;
    step.order = ++order_;
    steps_.push(std::move(step));
    return;
  }
  const Time local = LocalTime(step.node);
  switch (step.kind) {
    case Kind::kDatagram:
      Carry(step.node, self.gossip->Receive(nodes_[step.from].address, step.bytes, local));
      break;
    case Kind::kGone:
      // A restarted process's kernel would not say so any more.
      if (!IsRunning(step.from)) {
        Carry(step.node, self.gossip->OnUnreachableEvidence(nodes_[step.from].name, local));
      }
      break;
    case Kind::kFrozen: self.gossip->OnKernelAnswers(nodes_[step.from].name); break;
    case Kind::kWake:
      if (local >= self.gossip->NextTick()) {
        Carry(step.node, self.gossip->Tick(local));
      } else {
        ScheduleWake(step.node);
      }
      break;
  }
}

void Simulator::Carry(std::size_t node, gossip::Output output) {
  for (Observer* observer : observers_) observer->OnOutput(node, output);
  for (gossip::Datagram& datagram : output.sends) SendDatagram(node, std::move(datagram));
  for (const NodeId& target : output.kernel_checks) CheckKernel(node, target);
  ScheduleWake(node);
}

void Simulator::SendDatagram(std::size_t node, gossip::Datagram datagram) {
  ++datagrams_;
  const auto receiver = by_address_.find(datagram.to);
  if (receiver == by_address_.end()) return;
  const auto arrivals = network_.Send(nodes_[node].address, datagram.to);
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    const bool last = i + 1 == arrivals.size();
    Schedule(arrivals[i], Kind::kDatagram, receiver->second, node,
             last ? std::move(datagram.bytes) : datagram.bytes);
  }
}

/// A TCP connection to the target's gossip port: refused, accepted by the kernel, or neither.
void Simulator::CheckKernel(std::size_t node, const NodeId& target) {
  const auto index = IndexOf(target);
  if (!index || !nodes_[*index].host_up) return;
  const Address& here = nodes_[node].address;
  const Address& there = nodes_[*index].address;
  if (!network_.Connected(here, there) || !network_.Connected(there, here)) return;
  Schedule(std::chrono::microseconds(400), IsRunning(*index) ? Kind::kFrozen : Kind::kGone, node,
           *index);
}

void Simulator::Schedule(Duration delay, Kind kind, std::size_t node, std::size_t from,
                         std::string bytes) {
  steps_.push({now_ + delay, ++order_, kind, node, from, std::move(bytes)});
}

void Simulator::ScheduleWake(std::size_t node) {
  Node& self = nodes_[node];
  if (self.gossip == nullptr || self.gossip->NextTick() == Time::max()) return;
  const auto local = static_cast<double>((self.gossip->NextTick() - self.clock_then).count());
  const auto at =
      std::max(now_, self.clock_set + Duration(std::llround(std::ceil(local / self.clock_rate))));
  if (at == self.wake_at) return;
  self.wake_at = at;
  steps_.push({at, ++order_, Kind::kWake, node, 0, {}});
}

bool Simulator::Agreed() const {
  std::uint64_t running = 0;
  std::optional<std::uint64_t> view;
  for (const Node& node : nodes_) running += node.gossip != nullptr;
  for (const Node& node : nodes_) {
    if (node.gossip == nullptr) continue;
    if (view.value_or(node.gossip->view()) != node.gossip->view()) return false;
    view = node.gossip->view();
    const auto alive = std::ranges::count_if(node.gossip->members(), [](const auto& member) {
      return member.second.said.state == gossip::MemberState::kAlive;
    });
    if (static_cast<std::uint64_t>(alive) != running) return false;
  }
  return true;
}

}  // namespace sf::sim
