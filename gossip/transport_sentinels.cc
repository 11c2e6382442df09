// SPDX-License-Identifier: Apache-2.0
#include "gossip/transport_sentinels.h"

#include <algorithm>
#include <vector>

#include "gossip/transport_clock.h"
#include "gossip/transport_streams.h"

namespace sf::gossip {
namespace {

constexpr Duration kSettling = milliseconds(50);
// After the first, which is at once. By the second a dying process's kernel is done with it.
constexpr Duration kFirstRetry = milliseconds(20);
constexpr int kMaxDoublings = 10;  // 20 s
// What stood so long did not end for want of room.
constexpr Duration kStood = seconds(30);

}  // namespace

std::set<Address> SubjectsOf(const Member& self, const Members& members, std::size_t count) {
  struct Before {
    std::uint64_t distance;
    Address address;
  };
  std::vector<Before> nearest;  // By distance; one more than is wanted at most.
  for (const Member& member : members) {
    if (member.said.state >= MemberState::kDead || &member == &self) continue;
    const Before candidate = {self.place - member.place, member.said.address};  // Around the ring.
    const auto spot = std::ranges::upper_bound(nearest, candidate.distance, {}, &Before::distance);
    nearest.insert(spot, candidate);
    if (nearest.size() > count) nearest.pop_back();
  }
  std::set<Address> subjects;
  for (const Before& before : nearest) subjects.insert(before.address);
  return subjects;
}

Sentinels::Sentinels(EventLoop& loop, const Gossip& gossip, Streams& streams, std::size_t count)
    : gossip_(gossip), streams_(streams), count_(count), alarm_(loop, [this] { OnTime(); }) {}

void Sentinels::OnMembersChanged() {
  if (choose_ != Time::max()) return;
  choose_ = Now() + kSettling;
  Arm();
}

void Sentinels::OnEnded(const Address& peer) {
  const auto entry = watches_.find(peer);
  if (entry == watches_.end()) return;
  Watch& watch = entry->second;
  const Time now = Now();
  if (now > watch.opened + kStood) watch.failures = 0;
  const int doublings = std::min(watch.failures - 1, kMaxDoublings);
  watch.due = watch.failures == 0 ? now : now + kFirstRetry * (1 << doublings);
  ++watch.failures;
  Arm();
}

void Sentinels::OnTime() {
  const Time now = Now();
  if (now >= choose_) Choose();
  for (auto& [peer, watch] : watches_) {
    if (now < watch.due) continue;
    watch.due = Time::max();
    watch.opened = now;
    streams_.OpenSentinel(peer);
  }
  Arm();
}

void Sentinels::Choose() {
  choose_ = Time::max();
  const std::set<Address> subjects = SubjectsOf(gossip_.self(), gossip_.members(), count_);
  std::erase_if(watches_, [&](const auto& entry) {
    if (subjects.contains(entry.first)) return false;
    streams_.CloseSentinel(entry.first);
    return true;
  });
  for (const Address& subject : subjects) watches_.try_emplace(subject, Watch{.due = Now()});
}

void Sentinels::Arm() {
  Time due = choose_;
  for (const auto& [peer, watch] : watches_) due = std::min(due, watch.due);
  due == Time::max() ? alarm_.Cancel() : alarm_.Set(due);
}

}  // namespace sf::gossip
