// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "node/base/metrics.h"
#include "node/base/result.h"
#include "node/reconcile/crash_point.h"

namespace sf::reconcile {

/// Runs the named steps of one operation and remembers what each took, for the object's history and
/// the metrics.
class Steps {
 public:
  Steps(std::string operation, Metrics& metrics)
      : operation_(std::move(operation)), metrics_(metrics), begun_(Clock::now()) {}

  /// What `body` returns, a Result; an error gets the step's name in front of its message.
  template <class Body>
  auto Run(const char* step, Body body) -> decltype(body()) {
    const auto begun = Clock::now();
    auto result = body();
    Took(step, Clock::now() - begun);
    CrashPoint(operation_, step);
    if (!result) {
      return tl::unexpected(
          Error{result.error().code, fmt::format("{}: {}", step, result.error().message)});
    }
    return result;
  }

  void Took(const char* step, std::chrono::steady_clock::duration duration) {
    const std::chrono::duration<double> seconds = duration;
    metrics_.ObserveStep(operation_, step, duration);
    milliseconds_[step] = seconds.count() * 1000;
  }

  /// {"<step>": milliseconds}
  const nlohmann::json& milliseconds() const { return milliseconds_; }
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }

 private:
  using Clock = std::chrono::steady_clock;

  const std::string operation_;
  Metrics& metrics_;
  const Clock::time_point begun_;
  nlohmann::json milliseconds_ = nlohmann::json::object();
};

}  // namespace sf::reconcile
