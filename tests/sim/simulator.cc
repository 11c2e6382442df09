// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/simulator.h"

#include <algorithm>
#include <cmath>

#include "gossip/codec.h"

namespace sf::sim {
namespace {

constexpr std::uint16_t kPort = 13002;
constexpr std::size_t kSeeds = 3;
constexpr std::size_t kOverheard = 256;

}  // namespace

Simulator::Simulator(std::uint64_t seed, gossip::Config config)
    : config_(config), random_(seed), network_(random_.Next()) {}

void Simulator::Start(std::size_t count, Duration apart) {
  for (std::size_t i = 0; i < count; ++i) {
    Join(AddNext());
    RunFor(apart);
  }
}

void Simulator::StartJoined(std::size_t count) {
  constexpr std::size_t kPerPart = 10;
  std::vector<std::string> parts;
  gossip::Entries some = {.buckets = 1};
  for (std::size_t i = 0; i < count; ++i) {
    const Gossip& one = View(AddNext());
    some.entries.push_back({one.self().said, 0});
    if (some.entries.size() < kPerPart && i + 1 < count) continue;
    parts.push_back(gossip::EncodePart(some));
    some.entries.clear();
  }
  // Everyone hears of everyone from its neighbour, as by a comparison of views.
  for (std::size_t node = nodes_.size() - count; node < nodes_.size(); ++node) {
    const Node& other = nodes_[node == 0 ? nodes_.size() - 1 : node - 1];
    const gossip::BootId boot = other.gossip->self().said.boot;
    for (const auto& text : gossip::Assemble(other.name, boot, parts, config_.max_datagram)) {
      Carry(node, nodes_[node].gossip->Receive(other.address, text, LocalTime(node)));
    }
    Join(node);
  }
}

std::size_t Simulator::AddNext() {
  const std::size_t index = nodes_.size();
  const auto ip = static_cast<std::uint32_t>(0x0a000000 + index);
  return Add("n" + std::to_string(index), {.ip = ip, .port = kPort});
}

std::size_t Simulator::StartAs(std::string name, const Address& address, double clock_rate) {
  const std::size_t index = Add(std::move(name), address, clock_rate);
  Join(index);
  return index;
}

std::size_t Simulator::Add(std::string name, const Address& address, double clock_rate) {
  const std::size_t index = nodes_.size();
  nodes_.push_back({.name = NodeId(name),
                    .address = address,
                    .keys = nodes_.empty() ? first_keys_ : nodes_.front().keys,
                    .clock_rate = clock_rate});
  // No two clocks show the same.
  nodes_[index].clock_then = Time(std::chrono::seconds(random_.Below(1000)));
  nodes_[index].clock_set = now_;
  by_address_[address] = index;
  by_name_.emplace(name, index);
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
  if (!self.keys.empty()) {
    self.seal = std::make_unique<gossip::Seal>(self.keys, boot, config_.max_datagram);
  }
  for (Observer* observer : observers_) observer->OnStart(node);
}

void Simulator::Join(std::size_t node) {
  std::vector<Address> seeds;
  for (std::size_t i = 0; i < std::min(kSeeds, nodes_.size()); ++i) {
    if (i != node) seeds.push_back(nodes_[i].address);
  }
  Carry(node, nodes_[node].gossip->Join(seeds, LocalTime(node)));
}

void Simulator::Kill(std::size_t node) {
  if (!IsRunning(node)) return;
  nodes_[node].gossip = nullptr;
  nodes_[node].seal = nullptr;
  for (Observer* observer : observers_) observer->OnStop(node);
}

void Simulator::Crash(std::size_t node) {
  Kill(node);
  nodes_[node].host_up = false;
}

void Simulator::Restart(std::size_t node) {
  Kill(node);
  Boot(node);
  Join(node);
}

void Simulator::RestartAt(std::size_t node, const Address& address) {
  Kill(node);
  by_address_.erase(nodes_[node].address);
  by_address_[address] = node;
  nodes_[node].address = address;
  Boot(node);
  Join(node);
}

void Simulator::Pause(std::size_t node, Duration length) {
  nodes_[node].paused_until = std::max(nodes_[node].paused_until, now_ + length);
}

void Simulator::Leave(std::size_t node) {
  Carry(node, nodes_[node].gossip->Leave(LocalTime(node)));
}

void Simulator::Announce(std::size_t node, std::uint32_t key, std::string payload) {
  Carry(node, nodes_[node].gossip->Announce(key, std::move(payload), LocalTime(node)));
}

void Simulator::Greet(std::size_t node, const Address& to) {
  Carry(node, nodes_[node].gossip->Greet(to, LocalTime(node)));
}

void Simulator::SetAlarm(std::size_t node, Duration delay, std::size_t alarm) {
  Schedule(delay, Kind::kAlarm, node, alarm);
}

void Simulator::SetClockRate(std::size_t node, double rate) {
  nodes_[node].clock_then = LocalTime(node);
  nodes_[node].clock_set = now_;
  nodes_[node].clock_rate = rate;
  if (IsRunning(node)) ScheduleWake(node);
}

void Simulator::JumpClock(std::size_t node, Duration forward) {
  nodes_[node].clock_then += forward;
  if (IsRunning(node)) ScheduleWake(node);
}

void Simulator::SetKeys(std::size_t node, std::vector<gossip::Seal::Key> keys) {
  nodes_[node].keys = std::move(keys);
  if (nodes_[node].seal != nullptr) nodes_[node].seal->SetKeys(nodes_[node].keys);
}

void Simulator::Replay() {
  if (overheard_.empty()) return;
  const Overheard& old = overheard_[random_.Below(overheard_.size())];
  Schedule(std::chrono::microseconds(100), Kind::kDatagram, old.to, old.from, old.bytes);
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
  const auto [first, last] = by_name_.equal_range(name);
  if (first == last) return std::nullopt;
  const auto running =
      std::find_if(first, last, [this](const auto& entry) { return IsRunning(entry.second); });
  return running != last ? running->second : first->second;
}

bool Simulator::RunUntil(Duration at_most, const std::function<bool()>& done) {
  const Duration end = now_ + at_most;
  while (!steps_.empty() && steps_.front().at <= end) {
    if (done()) return true;
    Step step = Pop();
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
    Push(std::move(step));
    return;
  }
  const Time local = LocalTime(step.node);
  switch (step.kind) {
    case Kind::kDatagram: Receive(step); break;
    case Kind::kGone: TakeRefusal(step); break;
    case Kind::kFrozen: self.gossip->OnKernelAnswers(nodes_[step.from].name); break;
    case Kind::kAlarm:
      for (Observer* observer : observers_) observer->OnAlarm(step.node, step.from);
      break;
    case Kind::kWake:
      if (local >= self.gossip->NextTick()) {
        Carry(step.node, self.gossip->Tick(local));
      } else {
        ScheduleWake(step.node);
      }
      break;
  }
}

/// A kernel names an address. A process that was started there meanwhile listens; and a member of
/// that name may live elsewhere by now.
void Simulator::TakeRefusal(const Step& step) {
  const Node& refuser = nodes_[step.from];
  const gossip::Member* const member = View(step.node).members().Find(refuser.name);
  if (member == nullptr || member->said.address != refuser.address || IsRunning(step.from)) return;
  Carry(step.node,
        nodes_[step.node].gossip->OnUnreachableEvidence(refuser.name, LocalTime(step.node)));
}

void Simulator::Receive(const Step& step) {
  Node& self = nodes_[step.node];
  const Address& from = nodes_[step.from].address;
  if (self.seal == nullptr) {
    return Carry(step.node, self.gossip->Receive(from, step.bytes, LocalTime(step.node)));
  }
  const gossip::Seal::Opened opened = self.seal->Open(step.bytes);
  if (opened.drop != gossip::Drop::kNone) return;
  Carry(step.node, self.gossip->Receive(from, opened.text, LocalTime(step.node)));
}

void Simulator::Carry(std::size_t node, gossip::Output output) {
  for (Observer* observer : observers_) observer->OnOutput(node, output);
  for (gossip::Datagram& datagram : output.sends) SendDatagram(node, std::move(datagram));
  for (const auto& check : output.kernel_checks) CheckKernel(node, check.name);
  const bool refused = std::ranges::any_of(
      output.events, [](const Event& event) { return event.kind == Event::Kind::kNameTaken; });
  refused ? Kill(node) : ScheduleWake(node);  // As the daemon does.
}

void Simulator::SendDatagram(std::size_t node, gossip::Datagram datagram) {
  ++datagrams_;
  gossip::Seal* const seal = nodes_[node].seal.get();
  if (seal != nullptr) datagram.bytes = seal->Close(datagram.bytes);
  const auto receiver = by_address_.find(datagram.to);
  if (receiver == by_address_.end()) return;
  if (seal != nullptr) {
    if (overheard_.size() < kOverheard) overheard_.emplace_back();
    overheard_[datagrams_ % overheard_.size()] = {node, receiver->second, datagram.bytes};
  }
  const auto arrivals = network_.Send(nodes_[node].address, datagram.to);
  for (std::size_t i = 0; i < arrivals.size(); ++i) {
    const bool last = i + 1 == arrivals.size();
    Schedule(arrivals[i], Kind::kDatagram, receiver->second, node,
             last ? std::move(datagram.bytes) : datagram.bytes);
  }
}

/// A TCP connection to the target's gossip port: refused, accepted by the kernel, or neither.
void Simulator::CheckKernel(std::size_t node, const NodeId& target) {
  const Address& here = nodes_[node].address;
  const Address there = View(node).members().at(target).said.address;
  const auto index = by_address_.find(there);
  if (index == by_address_.end() || !nodes_[index->second].host_up) return;
  if (!network_.Connected(here, there) || !network_.Connected(there, here)) return;
  const Kind answer = IsRunning(index->second) ? Kind::kFrozen : Kind::kGone;
  Schedule(std::chrono::microseconds(400), answer, node, index->second);
}

void Simulator::Schedule(Duration delay, Kind kind, std::size_t node, std::size_t from,
                         std::string bytes) {
  Push({now_ + delay, ++order_, kind, node, from, std::move(bytes)});
}

void Simulator::ScheduleWake(std::size_t node) {
  Node& self = nodes_[node];
  if (self.gossip == nullptr || self.gossip->NextTick() == Time::max()) return;
  const auto local = static_cast<double>((self.gossip->NextTick() - self.clock_then).count());
  const auto at =
      std::max(now_, self.clock_set + Duration(std::llround(std::ceil(local / self.clock_rate))));
  if (at == self.wake_at) return;
  self.wake_at = at;
  Push({at, ++order_, Kind::kWake, node, 0, {}});
}

void Simulator::Push(Step step) {
  steps_.push_back(std::move(step));
  std::ranges::push_heap(steps_, std::greater<>());
}

Simulator::Step Simulator::Pop() {
  std::ranges::pop_heap(steps_, std::greater<>());
  Step step = std::move(steps_.back());
  steps_.pop_back();
  return step;
}

bool Simulator::Agreed() const {
  std::uint64_t running = 0;
  std::optional<std::uint64_t> view;
  for (const Node& node : nodes_) running += node.gossip != nullptr;
  for (const Node& node : nodes_) {
    if (node.gossip == nullptr) continue;
    if (view.value_or(node.gossip->view()) != node.gossip->view()) return false;
    view = node.gossip->view();
    const auto alive =
        std::ranges::count_if(node.gossip->members(), [](const gossip::Member& member) {
          return member.said.state == gossip::MemberState::kAlive;
        });
    if (static_cast<std::uint64_t>(alive) != running) return false;
  }
  return true;
}

}  // namespace sf::sim
