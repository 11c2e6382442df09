// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gossip/gossip.h"
#include "gossip/seal.h"
#include "tests/sim/packet_network.h"

namespace sf::sim {

using gossip::Event;
using gossip::Gossip;
using gossip::Time;

/// A cluster in one thread and in virtual time: the production state machine on simulated hosts, in
/// whose way are lost, late, doubled and overtaking datagrams, cut links, stopped and killed
/// processes, silent hosts, restarts without memory or elsewhere, a name given twice, keys that
/// change, and clocks that run too fast or too slow or jump.
/// The same seed and the same calls give the same run, to the microsecond.
class Simulator {
 public:
  /// Sees everything that happens, as it happens.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void OnStart(std::size_t /*node*/) {}
    virtual void OnStop(std::size_t /*node*/) {}
    virtual void OnOutput(std::size_t /*node*/, const gossip::Output& /*output*/) {}
    virtual void OnAlarm(std::size_t /*node*/, std::size_t /*alarm*/) {}
  };

  explicit Simulator(std::uint64_t seed, gossip::Config config = {});

  /// Starts `count` more nodes, named n0, n1, ...; they know the first three as seeds.
  void Start(std::size_t count, Duration apart = std::chrono::milliseconds(5));
  /// The same, as if they had been together for long: starting a thousand costs more than what is
  /// to be seen of them.
  void StartJoined(std::size_t count);
  /// One with a name and a host of its own choice; its index.
  std::size_t StartAs(std::string name, const Address& address, double clock_rate = 1);
  /// From now on datagrams travel sealed. To be called before the first start.
  void SealWith(std::vector<gossip::Seal::Key> keys) { first_keys_ = std::move(keys); }
  void SetKeys(std::size_t node, std::vector<gossip::Seal::Key> keys);

  void Kill(std::size_t node);     ///< The process; its kernel says so to whoever asks.
  void Crash(std::size_t node);    ///< The host: silence.
  void Restart(std::size_t node);  ///< With nothing remembered; killed before, if it runs.
  void RestartAt(std::size_t node, const Address& address);
  void Pause(std::size_t node, Duration length);  ///< Stopped; datagrams wait for it.
  void Leave(std::size_t node);
  void Announce(std::size_t node, std::uint32_t key, std::string payload);
  void Greet(std::size_t node, const Address& to);
  /// Observers are told after `delay`: not if the process is gone by then, late if it is stopped.
  void SetAlarm(std::size_t node, Duration delay, std::size_t alarm);
  void SetClockRate(std::size_t node, double rate);
  /// Forward: a monotonic clock does not go back, whatever is done to the wall clock.
  void JumpClock(std::size_t node, Duration forward);
  /// Bytes from a stranger, that are delivered at once.
  void Inject(std::size_t node, const std::string& bytes);
  /// An eavesdropper sends one of the latest sealed datagrams again, to whom it was meant for.
  void Replay();

  void RunFor(Duration length) {
    RunUntil(length, [] { return false; });
  }
  /// Until `done`, asked after each step, or as long as that. False if it never was.
  bool RunUntil(Duration at_most, const std::function<bool()>& done);

  PacketNetwork& network() { return network_; }
  const PacketNetwork& network() const { return network_; }
  void Observe(Observer& observer) { observers_.push_back(&observer); }

  Duration now() const { return now_; }
  Time LocalTime(std::size_t node) const;
  std::size_t size() const { return nodes_.size(); }
  bool IsRunning(std::size_t node) const { return nodes_[node].gossip != nullptr; }
  bool IsHostUp(std::size_t node) const { return nodes_[node].host_up; }
  bool IsPaused(std::size_t node) const { return nodes_[node].paused_until > now_; }
  const Gossip& View(std::size_t node) const { return *nodes_[node].gossip; }
  const NodeId& NameOf(std::size_t node) const { return nodes_[node].name; }
  const Address& AddressOf(std::size_t node) const { return nodes_[node].address; }
  /// Of two with this name the one that runs.
  std::optional<std::size_t> IndexOf(const NodeId& name) const;
  const gossip::Config& config() const { return config_; }
  std::uint64_t datagrams() const { return datagrams_; }
  /// Empty where nothing is sealed.
  const std::vector<gossip::Seal::Key>& KeysOf(std::size_t node) const { return nodes_[node].keys; }

  /// Whether all running nodes have the same view, of exactly each other.
  bool Agreed() const;

 private:
  struct Node {
    NodeId name;
    Address address;
    std::vector<gossip::Seal::Key> keys = {};
    std::unique_ptr<Gossip> gossip = nullptr;
    std::unique_ptr<gossip::Seal> seal = nullptr;
    bool host_up = true;
    std::uint64_t lives = 0;
    double clock_rate = 1;
    Duration clock_set = {};  // when the rate was last set, by the simulator's clock
    Time clock_then = {};     // what the node's own clock showed then
    Duration paused_until = {};
    Duration wake_at = Duration::max();
  };
  enum class Kind : std::uint8_t { kDatagram, kWake, kGone, kFrozen, kAlarm };
  struct Step {
    Duration at;
    std::uint64_t order;
    Kind kind;
    std::size_t node;
    std::size_t from;
    std::string bytes;
    bool operator>(const Step& other) const {
      return at != other.at ? at > other.at : order > other.order;
    }
  };

  struct Overheard {
    std::size_t from = 0;
    std::size_t to = 0;
    std::string bytes;
  };

  std::size_t Add(std::string name, const Address& address, double clock_rate = 1);
  std::size_t AddNext();
  void Join(std::size_t node);
  void Boot(std::size_t node);
  void Take(Step step);
  void TakeRefusal(const Step& step);
  void Receive(const Step& step);
  void Carry(std::size_t node, gossip::Output output);
  void SendDatagram(std::size_t node, gossip::Datagram datagram);
  void CheckKernel(std::size_t node, const NodeId& target);
  void Schedule(Duration delay, Kind kind, std::size_t node, std::size_t from = 0,
                std::string bytes = {});
  void ScheduleWake(std::size_t node);
  void Push(Step step);
  Step Pop();

  const gossip::Config config_;
  gossip::Random random_;
  PacketNetwork network_;
  std::vector<Node> nodes_;
  std::map<Address, std::size_t> by_address_;
  std::multimap<NodeId, std::size_t> by_name_;
  std::vector<gossip::Seal::Key> first_keys_;
  std::vector<Overheard> overheard_;  // the latest, in a circle
  std::vector<Step> steps_;           // a heap, so that a step can be moved out of it
  std::vector<Observer*> observers_;
  Duration now_ = {};
  std::uint64_t order_ = 0;
  std::uint64_t datagrams_ = 0;
};

}  // namespace sf::sim
