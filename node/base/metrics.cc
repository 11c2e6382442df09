// SPDX-License-Identifier: Apache-2.0
#include "node/base/metrics.h"

#include <prometheus/client_metric.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <limits>
#include <numeric>
#include <utility>
#include <vector>

namespace sf {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricType;

ClientMetric With(const Labels& labels) {
  ClientMetric metric;
  for (const auto& [name, value] : labels) metric.label.push_back({name, value});
  return metric;
}

ClientMetric ToMetric(const Labels& labels, const Count& count) {
  ClientMetric metric = With(labels);
  metric.counter.value = static_cast<double>(count.load());
  return metric;
}

ClientMetric ToMetric(const Labels& labels, const Durations& durations) {
  ClientMetric metric = With(labels);
  auto& [count, sum, buckets] = metric.histogram;
  for (std::size_t i = 0; i <= Durations::kBounds.size(); ++i) {
    count += durations.count(i);
    const bool last = i == Durations::kBounds.size();
    buckets.push_back(
        {count, last ? std::numeric_limits<double>::infinity() : Durations::kBounds[i]});
  }
  sum = durations.seconds();
  return metric;
}

}  // namespace

void Durations::Observe(std::chrono::nanoseconds took) {
  const double seconds = std::chrono::duration<double>(took).count();
  std::size_t i = 0;
  while (i < kBounds.size() && seconds > kBounds[i]) ++i;
  ++counts_[i];
  nanoseconds_ += static_cast<std::uint64_t>(took.count());
}

std::uint64_t Durations::count() const {
  return std::accumulate(counts_.begin(), counts_.end(), std::uint64_t{0});
}

double Durations::seconds() const {
  return std::chrono::duration<double>(
             std::chrono::nanoseconds(static_cast<std::int64_t>(nanoseconds_.load())))
      .count();
}

struct Metrics::Families {
  struct Family {
    MetricType type;
    std::string help;
    std::vector<std::function<void(std::vector<ClientMetric>&)>> readers;
  };

  void Add(MetricType type, const std::string& name, const std::string& help,
           std::function<void(std::vector<ClientMetric>&)> reader) {
    Family& family = by_name.try_emplace(name, Family{type, help, {}}).first->second;
    family.readers.push_back(std::move(reader));
  }
  template <class Figure>
  void AddAll(MetricType type, const std::string& name, const std::string& help,
              const ByLabels<Figure>& figures) {
    Add(type, name, help, [&figures](std::vector<ClientMetric>& into) {
      figures.ForEach([&](const Labels& labels, const Figure& figure) {
        into.push_back(ToMetric(labels, figure));
      });
    });
  }

  std::map<std::string, Family> by_name;
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {
  Histogram("shakenfist_instance_step_seconds",
            "Time that each step of building or removing an instance took.", steps_);
}
Metrics::~Metrics() = default;

void Metrics::Gauge(const std::string& name, const std::string& help, Read read, Labels labels) {
  families_->Add(MetricType::Gauge, name, help,
                 [read = std::move(read), labels = std::move(labels)](auto& into) {
                   into.push_back(With(labels));
                   into.back().gauge.value = read();
                 });
}

void Metrics::Gauge(const std::string& name, const std::string& help, const Count& count) {
  Gauge(name, help, [&count] { return static_cast<double>(count); });
}

void Metrics::Counter(const std::string& name, const std::string& help, Read read, Labels labels) {
  families_->Add(MetricType::Counter, name, help,
                 [read = std::move(read), labels = std::move(labels)](auto& into) {
                   into.push_back(With(labels));
                   into.back().counter.value = read();
                 });
}

void Metrics::Counter(const std::string& name, const std::string& help, const Count& count,
                      Labels labels) {
  families_->Add(MetricType::Counter, name, help, [&count, labels = std::move(labels)](auto& into) {
    into.push_back(ToMetric(labels, count));
  });
}

void Metrics::Counter(const std::string& name, const std::string& help, const std::string& label,
                      std::initializer_list<std::pair<const char*, const Count&>> counts) {
  for (const auto& [value, count] : counts) Counter(name, help, count, {{label, value}});
}

void Metrics::Counter(const std::string& name, const std::string& help,
                      const ByLabels<Count>& counts) {
  families_->AddAll(MetricType::Counter, name, help, counts);
}

void Metrics::Histogram(const std::string& name, const std::string& help,
                        const Durations& durations) {
  families_->Add(MetricType::Histogram, name, help,
                 [&durations](auto& into) { into.push_back(ToMetric({}, durations)); });
}

void Metrics::Histogram(const std::string& name, const std::string& help,
                        const ByLabels<Durations>& durations) {
  families_->AddAll(MetricType::Histogram, name, help, durations);
}

std::string Metrics::Text() const {
  std::vector<prometheus::MetricFamily> families;
  for (const auto& [name, family] : families_->by_name) {
    prometheus::MetricFamily& one = families.emplace_back();
    one.name = name;
    one.help = family.help;
    one.type = family.type;
    for (const auto& read : family.readers) read(one.metric);
  }
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace sf
