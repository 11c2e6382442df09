// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

namespace sf {

/// Counters and times of one process, in Prometheus' text form.
///
/// Thread: any.
class Metrics {
 public:
  Metrics();
  ~Metrics();

  /// How long one step of building or removing an instance took.
  void ObserveStep(const std::string& operation, const std::string& step, double seconds);
  /// A figure that is read whenever somebody asks. Register before the first Text().
  void Gauge(const std::string& name, const std::string& help, std::function<double()> read,
             const std::map<std::string, std::string>& labels = {});

  std::string Text() const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace sf
