// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/agent_talk.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include "node/base/number.h"

namespace sf::reconcile {
namespace {

using nlohmann::json;

constexpr char kStarting[] = "not ready (agent startup)";
constexpr char kStopped[] = "not ready (agent stopped)";
constexpr char kTooOld[] = "not ready (agent too old)";
constexpr char kUnresponsive[] = "not ready (unresponsive)";
constexpr char kPaused[] = "not ready (instance paused)";
constexpr char kOff[] = "not ready (instance powered off)";

/// The oldest whose packets are as these are.
constexpr std::array<int, 3> kOldestVersion = {0, 3, 16};
constexpr double kLatestTime = 1e11;
constexpr std::size_t kMaxUnique = 256;

const std::string* Text(const json& packet, const char* key) {
  const auto found = packet.find(key);
  return found == packet.end() ? nullptr : found->get_ptr<const std::string*>();
}

/// "version 0.3.16", and whatever may follow. What cannot be read is taken for new.
bool IsTooOld(std::string_view text) {
  const std::size_t first = text.find_first_of("0123456789");
  if (first == std::string_view::npos) return false;
  text.remove_prefix(first);
  for (const int oldest : kOldestVersion) {
    const std::size_t end = std::min(text.find_first_not_of("0123456789"), text.size());
    const auto number = ToNumber<int>(text.substr(0, end));
    if (!number || *number > oldest) return false;
    if (*number < oldest) return true;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return false;
}

/// One of the words that systemd has for a system; a guest's own text would be a way to write
/// whatever it likes where people look.
std::string SystemState(const json& packet) {
  const std::string* const text = Text(packet, "message");
  for (const char* word : {"initializing", "starting", "maintenance", "stopping", "offline"}) {
    if (text != nullptr && *text == word) return word;
  }
  return "unknown";
}

}  // namespace

void AgentTalk::Connected(Time now) {
  connected_ = true;
  heard_ = false;
  if (!facts_.ready()) facts_.state = AgentFacts::kNoContact;
  Ask("is-system-running", now);
}

void AgentTalk::Disconnected() {
  connected_ = heard_ = false;
  asked_ = {};
  replies_.clear();
  if (power_ == Power::kRunning) facts_.state = AgentFacts::kNoContact;
}

void AgentTalk::SetPower(Power power, Time now) {
  if (power == power_) return;
  power_ = power;
  if (power != Power::kRunning) {
    facts_.state = power == Power::kPaused ? kPaused : kOff;
    return;
  }
  facts_.state = heard_ ? kStarting : AgentFacts::kNoContact;
  if (connected_ && heard_) Ask("is-system-running", now);
}

bool AgentTalk::Hear(const json& packet, Time now, double unix_now) {
  const bool was_missed = facts_.state == kUnresponsive;
  heard_ = true;
  asked_ = {};
  last_ = now;
  const std::string* const command = Text(packet, "command");
  if (command == nullptr) return true;
  const bool is_start = *command == "agent-start";
  if (is_start) HearStart(packet, unix_now);
  if (*command == "agent-stop") facts_.state = kStopped;
  if (*command == "is-system-running-response") {
    HearSystem(packet);
  } else if (is_start || was_missed) {
    Ask("is-system-running", now);
  }
  if (*command == "ping") {
    const auto unique = packet.find("unique");
    const bool echoed =
        unique != packet.end() &&
        (!unique->is_string() || unique->get_ref<const std::string&>().size() <= kMaxUnique);
    replies_.push_back({{"command", "pong"}, {"unique", echoed ? *unique : json(0)}});
  }
  return is_start || *command == "agent-stop" || *command == "is-system-running-response" ||
         *command == "ping" || *command == "pong";
}

void AgentTalk::HearStart(const json& packet, double unix_now) {
  HearBootTime(packet);
  facts_.start_time = unix_now;
  const std::string* const version = Text(packet, "message");
  facts_.state = version != nullptr && IsTooOld(*version) ? kTooOld : kStarting;
}

// A system that has come up with a unit or two failed is as ready as it will ever be.
void AgentTalk::HearSystem(const json& packet) {
  HearBootTime(packet);
  if (facts_.state == kTooOld || power_ != Power::kRunning) return;
  const auto result = packet.find("result");
  const std::string* const message = Text(packet, "message");
  if (result != packet.end() && *result == true) {
    facts_.state = "ready";
  } else if (message != nullptr && *message == "degraded") {
    facts_.state = "ready (degraded)";
  } else {
    facts_.state = "not ready (" + SystemState(packet) + ")";
  }
}

void AgentTalk::HearBootTime(const json& packet) {
  const auto time = packet.find("system_boot_time");
  if (time == packet.end() || !time->is_number()) return;
  const double seconds = time->get<double>();
  if (seconds >= 0 && seconds <= kLatestTime) facts_.system_boot_time = seconds;
}

void AgentTalk::Tick(Time now, bool busy) {
  if (!connected_ || power_ != Power::kRunning) return;
  if (busy) {
    last_ = now;
    if (asked_) asked_ = now;
    return;
  }
  if (asked_) {
    if (facts_.ready() && now - *asked_ >= kPatience) facts_.state = kUnresponsive;
    return;
  }
  // One that has stopped says so when it begins again.
  if (!heard_ || facts_.state == kStopped || facts_.state == kTooOld) return;
  if (facts_.ready()) {
    if (now - last_ >= kAskWhileReady) Ask("ping", now);
  } else if (now - last_ >= kAskWhileStarting) {
    Ask("is-system-running", now);
  }
}

void AgentTalk::Ask(const char* command, Time now) {
  replies_.push_back({{"command", command}, {"unique", std::string(command) + " of the node"}});
  asked_ = last_ = now;
}

}  // namespace sf::reconcile
