// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace sf {

/// How many there are, or were since the start.
using Count = std::atomic<std::uint64_t>;

/// How often something took how long, since the start.
///
/// Thread: any.
class Durations {
 public:
  /// In seconds: from a statement of the database, or a written file, to a domain that starts on a
  /// busy host.
  static constexpr std::array kBounds{0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1,
                                      0.2,    0.5,   1.0,   2.0,   5.0,  10.0, 30.0};

  void Observe(std::chrono::nanoseconds took);

  double seconds() const;       ///< in all
  std::uint64_t count() const;  ///< likewise
  /// Those that took at most kBounds[i], and more than the bound before; the last: more than all.
  std::uint64_t count(std::size_t i) const { return counts_[i]; }

 private:
  std::array<Count, kBounds.size() + 1> counts_ = {};
  Count nanoseconds_ = 0;
};

/// Observes how long it lives.
class Stopwatch {
 public:
  explicit Stopwatch(Durations& durations) : durations_(durations) {}
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;
  ~Stopwatch() { durations_.Observe(std::chrono::steady_clock::now() - begun_); }

 private:
  Durations& durations_;
  const std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

using Labels = std::map<std::string, std::string>;

/// A figure for each set of labels that has come up. These are few: a label is never what somebody
/// sent, such as a path, a name or an id.
///
/// Thread: any.
template <class Figure>
class ByLabels {
 public:
  Figure& operator[](const Labels& labels) {
    const std::lock_guard lock(mutex_);
    return figures_[labels];
  }
  template <class Visitor>
  void ForEach(Visitor visit) const {
    const std::lock_guard lock(mutex_);
    for (const auto& [labels, figure] : figures_) visit(labels, figure);
  }

 private:
  mutable std::mutex mutex_;  // guards which there are
  std::map<Labels, Figure> figures_;
};

/// The figures of one process, in Prometheus' text form. They are kept by whoever counts, and read
/// here when somebody asks: reading waits for nobody. All that is added has to outlive the last
/// Text(), and is added before the first. Names are as Prometheus has them: in seconds and bytes,
/// those of counters end in _total.
///
/// Thread: any, but for what adds.
class Metrics {
 public:
  using Read = std::function<double()>;

  Metrics();
  ~Metrics();

  void Gauge(const std::string& name, const std::string& help, Read read, Labels labels = {});
  void Gauge(const std::string& name, const std::string& help, const Count& count);
  void Counter(const std::string& name, const std::string& help, Read read, Labels labels = {});
  void Counter(const std::string& name, const std::string& help, const Count& count,
               Labels labels = {});
  /// One series for each value of `label`.
  void Counter(const std::string& name, const std::string& help, const std::string& label,
               std::initializer_list<std::pair<const char*, const Count&>> counts);
  void Counter(const std::string& name, const std::string& help, const ByLabels<Count>& counts);
  void Histogram(const std::string& name, const std::string& help, const Durations& durations);
  void Histogram(const std::string& name, const std::string& help,
                 const ByLabels<Durations>& durations);

  /// How long one step of building or removing an instance took.
  void ObserveStep(const std::string& operation, const std::string& step,
                   std::chrono::nanoseconds took) {
    steps_[{{"operation", operation}, {"step", step}}].Observe(took);
  }

  std::string Text() const;

 private:
  struct Families;
  ByLabels<Durations> steps_;
  std::unique_ptr<Families> families_;
};

}  // namespace sf
