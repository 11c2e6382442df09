// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>

namespace sf::gossip {

/// Lifeguard's local health multiplier (section IV-A): how much this node doubts itself. Each sign
/// that it is the slow one (a probe that fails without its helpers' nacks, a suspicion of itself
/// to refute, waking up late) raises it, each answered probe lowers it; all its timeouts are
/// stretched by it.
class Health {
 public:
  explicit Health(int max_score) : max_score_(max_score) {}

  void Worsen(int by) { score_ = std::min(score_ + by, max_score_); }
  void Improve() { score_ = std::max(score_ - 1, 0); }
  int score() const { return score_; }
  int multiplier() const { return score_ + 1; }

 private:
  int max_score_;
  int score_ = 0;
};

}  // namespace sf::gossip
