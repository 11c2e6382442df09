// SPDX-License-Identifier: Apache-2.0
#include "tests/sim/role_row.h"

namespace sf::sim {
namespace {

using Kind = gossip::RowRequest::Kind;

constexpr Duration kHolderSilence = std::chrono::seconds(3);
/// What is away is refused at once, or only found to be so after a while.
constexpr Duration kTimeout = std::chrono::seconds(5);

}  // namespace

void RoleRow::SetAway(std::size_t node, bool away) {
  if (away) away_.insert(node);
  if (!away) away_.erase(node);
}

void RoleRow::Ask(std::size_t node, const NodeId& name, const gossip::RowRequest& request,
                  bool beat, Duration now) {
  const auto draw = [this](Duration limit) {
    return Duration(random_.Below(static_cast<std::size_t>(limit.count()) + 1));
  };
  Expected expected;
  expected.number = ++requests_;
  if (IsAway(node)) {
    expected.away = true;
    expected.at = now + (random_.Below(2) == 0 ? draw(longest_) : kTimeout);
  } else {
    const Duration arrives = now + draw(longest_ / 2);
    arriving_.emplace(arrives, Pending{node, name, request, beat, expected.number});
    expected.at = arrives + draw(longest_ / 2);
  }
  answers_[node] = expected;
}

void RoleRow::Advance(Duration now) {
  while (!arriving_.empty() && arriving_.begin()->first <= now) {
    const auto [at, pending] = *arriving_.begin();
    arriving_.erase(arriving_.begin());
    CarryOut(pending, at);
  }
}

void RoleRow::CarryOut(const Pending& pending, Duration now) {
  const gossip::RowRequest& request = pending.request;
  const auto beat = heartbeats_.find(row_.holder);
  const bool lives = beat != heartbeats_.end() && beat->second > now - kHolderSilence;
  const bool vacant = row_.holder.empty() || row_.holder == pending.name || !lives;
  const bool claims = request.kind == Kind::kClaim && vacant;
  const bool hands_over = request.kind == Kind::kHandOver && row_.holder == pending.name;
  if ((claims || hands_over) && request.term == row_.term) {
    row_ = {row_.term + 1, claims ? pending.name : request.to};
    history_[row_.term] = row_.holder;
  }
  if (pending.beat) Beat(pending.name, now);
  const auto answer = answers_.find(pending.node);
  if (answer != answers_.end() && answer->second.number == pending.number) {
    answer->second.row = row_;
  }
}

// The answer may be lost although the deed is done.
std::optional<RoleRow::Answer> RoleRow::TakeAnswer(std::size_t node, Duration now) {
  Advance(now);
  const auto found = answers_.find(node);
  if (found == answers_.end() || found->second.at > now) return std::nullopt;
  Answer answer = found->second;
  answers_.erase(found);
  answer.away |= IsAway(node);
  return answer;
}

}  // namespace sf::sim
