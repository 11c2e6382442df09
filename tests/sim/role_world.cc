// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/role_world.h"

#include <algorithm>

namespace sf::sim {
namespace {

using namespace std::chrono_literals;
using gossip::RowRequest;

constexpr std::size_t kMaxViolations = 10;
constexpr Duration kBothAtMost = 2s;

// What an alarm is for; the life that it belongs to is counted above.
constexpr std::size_t kUpdate = 0;
constexpr std::size_t kTick = 1;
constexpr std::size_t kAnswer = 2;
constexpr std::size_t kStop = 3;
constexpr std::size_t kKinds = 4;

}  // namespace

// ---- the daemon's part ----------------------------------------------------------------------

void RoleWorld::OnStart(std::size_t node) {
  Host& host = hosts_[node];
  const NodeId& name = sim_.NameOf(node);
  const Time now = sim_.LocalTime(node);
  row_.Abandon(node);
  if (!row_.IsAway(node)) row_.Beat(name, sim_.now());  // It registers itself.
  host.life.emplace(++host.lives, name, sim_.View(node), host.disk, now);
  // What of its own it may announce, it does only once it has joined.
  SetAlarm(node, 0ms, kUpdate);
}

void RoleWorld::OnOutput(std::size_t node, const gossip::Output& output) {
  Host& host = hosts_[node];
  if (!host.life) return;
  Life& life = *host.life;
  for (const Event& event : output.events) (void)life.directory.On(event);
  const std::uint64_t received = sim_.View(node).counters().received;
  if (std::exchange(life.received, received) != received) {
    life.election.NoteContact(sim_.LocalTime(node));
  }
  // Not from here: an announcement in the middle of another's output would overtake it.
  if (!output.events.empty() && !std::exchange(life.update_is_due, true)) {
    SetAlarm(node, 0ms, kUpdate);
  }
  Check();
}

void RoleWorld::OnAlarm(std::size_t node, std::size_t alarm) {
  Host& host = hosts_[node];
  if (!host.life || host.life->number != alarm / kKinds) return;
  Life& life = *host.life;
  const Time now = sim_.LocalTime(node);
  switch (alarm % kKinds) {
    case kUpdate:
      life.update_is_due = false;
      Carry(node, life.election.SetCapable(host.capable, now));
      break;
    case kTick:
      if (sim_.now() < life.tick_at) break;  // Since then it was found to be due later.
      if (now < life.election.NextTick()) {
        ArmTick(node);
      } else {
        Carry(node, life.election.Tick(now));
      }
      break;
    case kAnswer:
      if (const auto answer = row_.TakeAnswer(node, sim_.now())) {
        life.row_was_away = answer->away;
        Carry(node,
              answer->away ? life.election.OnRowAway(now) : life.election.OnRow(answer->row, now));
      }
      break;
    case kStop:
      host.fed.reset();
      host.life.reset();
      sim_.Leave(node);
      break;
  }
  Check();
}

void RoleWorld::Carry(std::size_t node, const gossip::Wishes& wishes) {
  Host& host = hosts_[node];
  Life& life = *host.life;
  const Time now = sim_.LocalTime(node);
  if (life.election.Serving()) host.fed = now;
  if (!life.election.Serving() && !life.election.Unsure()) host.fed.reset();
  if (wishes.remember) host.disk = *wishes.remember;
  if (wishes.row) {
    if (wishes.row->kind == RowRequest::Kind::kClaim && life.row_was_away) {
      Violated(sim_.NameOf(node).value + " claims a row that did not answer");
    }
    row_.Ask(node, sim_.NameOf(node), *wishes.row, life.election.Serving(), sim_.now());
    SetAlarm(node, row_.AnswerDue(node) - sim_.now(), kAnswer);
  }
  for (const gossip::Address& address : wishes.greet) sim_.Greet(node, address);
  Announce(node);
  ArmTick(node);
  if (life.leaves && life.election.settled()) SetAlarm(node, 0ms, kStop);
}

void RoleWorld::Announce(std::size_t node) {
  gossip::Advert advert;
  advert.role = hosts_[node].life->election.role();
  for (gossip::AdvertWriter::Change& change : hosts_[node].life->writer.Update(advert)) {
    sim_.Announce(node, change.key, std::move(change.payload));
  }
}

void RoleWorld::ArmTick(std::size_t node) {
  Life& life = *hosts_[node].life;
  const Duration delay = life.election.NextTick() - sim_.LocalTime(node);
  life.tick_at = sim_.now() + std::max<Duration>(delay, 1us);
  SetAlarm(node, life.tick_at - sim_.now(), kTick);
}

void RoleWorld::SetAlarm(std::size_t node, Duration delay, std::size_t kind) {
  sim_.SetAlarm(node, delay, hosts_[node].lives * kKinds + kind);
}

void RoleWorld::SetCapable(std::size_t node, bool capable) {
  hosts_[node].capable = capable;
  if (hosts_[node].life) SetAlarm(node, 0ms, kUpdate);
}

void RoleWorld::Leave(std::size_t node) {
  if (!hosts_[node].life) return;  // It has done so.
  Life& life = *hosts_[node].life;
  life.leaves = true;
  SetAlarm(node, 3s, kStop);  // as long as there is time
  Carry(node, life.election.Leave(sim_.LocalTime(node)));
}

// ---- what is to be seen ---------------------------------------------------------------------

/// The dead man's switch, by the host's own clock.
bool RoleWorld::RunsServices(std::size_t node) const {
  const auto host = hosts_.find(node);
  if (host == hosts_.end() || !host->second.fed || !sim_.IsHostUp(node)) return false;
  return sim_.LocalTime(node) < *host->second.fed + gossip::ElectionConfig{}.orphan_limit;
}

std::vector<std::size_t> RoleWorld::Servers() const {
  std::vector<std::size_t> servers;
  for (const auto& [node, host] : hosts_) {
    if (RunsServices(node)) servers.push_back(node);
  }
  return servers;
}

std::optional<std::size_t> RoleWorld::Settled() const {
  const std::vector<std::size_t> servers = Servers();
  if (servers.size() != 1 || sim_.NameOf(servers[0]) != row_.now().holder) return std::nullopt;
  for (const auto& [node, host] : hosts_) {
    if (sim_.IsRunning(node) && host.life && Known(node) != row_.now()) return std::nullopt;
  }
  return servers[0];
}

bool RoleWorld::CanExchange(std::size_t a, std::size_t b) const {
  const auto listens = [this](std::size_t node) {
    return sim_.IsRunning(node) && !sim_.IsPaused(node);
  };
  const PacketNetwork& network = sim_.network();
  return listens(a) && listens(b) && network.Connected(sim_.AddressOf(a), sim_.AddressOf(b)) &&
         network.Connected(sim_.AddressOf(b), sim_.AddressOf(a));
}

void RoleWorld::Check() {
  row_.Advance(sim_.now());
  for (const auto& [node, host] : hosts_) CheckNode(node);
  const std::vector<std::size_t> servers = Servers();
  std::map<std::pair<std::size_t, std::size_t>, Duration> both;
  for (const std::size_t a : servers) {
    for (const std::size_t b : servers) {
      if (a >= b || !CanExchange(a, b)) continue;
      const auto before = both_since_.find({a, b});
      const Duration since = before == both_since_.end() ? sim_.now() : before->second;
      both[{a, b}] = since;
      if (sim_.now() > since + kBothAtMost) {
        Violated(sim_.NameOf(a).value + " and " + sim_.NameOf(b).value + " both serve");
      }
    }
  }
  both_since_ = std::move(both);
}

void RoleWorld::CheckNode(std::size_t node) {
  Host& host = hosts_[node];
  Note(node, RunsServices(node));
  if (!host.life || !sim_.IsRunning(node)) return;
  const gossip::Election& election = host.life->election;
  const Tenure& known = election.known();
  const std::string name = sim_.NameOf(node).value;
  if (known.term > 0) {
    const auto given = row_.history().find(known.term);
    if (given == row_.history().end() || given->second != known.holder) {
      Violated(name + " believes in a term that was not given");
    }
  }
  if (election.Serving() && known.holder != sim_.NameOf(node)) {
    Violated(name + " serves in another's term");
  }
  if (host.disk == Tenure{}) host.highest = {};
  if (known.term < host.highest.term) Violated(name + " goes back to an earlier term");
  host.highest = known;
}

void RoleWorld::Violated(const std::string& what) {
  if (violations_.size() >= kMaxViolations) return;
  const auto ms = sim_.now() / 1ms;
  violations_.push_back("at " + std::to_string(ms) + " ms: " + what);
}

void RoleWorld::Note(std::size_t node, bool serves) {
  if (serves == noted_.contains(node)) return;
  if (!serves) noted_.erase(node);
  if (serves) noted_.insert(node);
  std::string line = sim_.NameOf(node).value + ": ";
  if (serves) line += "serves in term " + std::to_string(Known(node).term);
  if (!serves) line += "no longer serves";
  lines_.emplace_back(sim_.now(), std::move(line));
}

}  // namespace sf::sim
