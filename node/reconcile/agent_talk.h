// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/model/instance.h"

namespace sf::reconcile {

/// What the agent in one guest says of itself, and what is to be said to it for that: it is asked
/// whether its system has come up until that is so, and then now and then whether it is still
/// there. One question at a time: a guest that never answers is asked once, and costs nothing.
///
/// Pure. Everything that is heard is a stranger's.
class AgentTalk {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// How its domain is, as far as that matters to who is inside.
  enum class Power { kRunning, kPaused, kOff };

  static constexpr std::chrono::seconds kAskWhileStarting{5};
  static constexpr std::chrono::seconds kAskWhileReady{15};
  static constexpr std::chrono::seconds kPatience{30};

  /// Begins with what was known before, and believes that until it is heard or missed.
  explicit AgentTalk(AgentFacts known) : facts_(std::move(known)) {}

  void Connected(Time now);
  void Disconnected();
  void SetPower(Power power, Time now);
  /// True when the packet was about the agent itself; else it is an answer to somebody else's
  /// question. `unix_now`: seconds since the epoch.
  bool Hear(const nlohmann::json& packet, Time now, double unix_now);
  /// Once a second. While the agent is `busy` it may be deaf, and nothing is made of its silence.
  void Tick(Time now, bool busy);
  /// What is to be said, once.
  std::vector<nlohmann::json> TakeReplies() { return std::exchange(replies_, {}); }

  const AgentFacts& facts() const { return facts_; }
  /// It has said so itself, on this connection.
  bool ready() const { return heard_ && facts_.ready(); }

 private:
  void Ask(const char* command, Time now);
  void HearStart(const nlohmann::json& packet, double unix_now);
  void HearSystem(const nlohmann::json& packet);
  void HearBootTime(const nlohmann::json& packet);

  AgentFacts facts_;
  Power power_ = Power::kRunning;
  bool connected_ = false;
  bool heard_ = false;         ///< anything, since it was connected
  std::optional<Time> asked_;  ///< a question that is open
  Time last_ = {};             ///< when something was last asked, or heard
  std::vector<nlohmann::json> replies_;
};

}  // namespace sf::reconcile
