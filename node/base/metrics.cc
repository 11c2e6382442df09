// SPDX-License-Identifier: Apache-2.0
#include "node/base/metrics.h"

#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <utility>
#include <vector>

namespace sf {

struct Metrics::Implementation {
  struct Figure {
    prometheus::Gauge& gauge;
    std::function<double()> read;
  };

  prometheus::Registry registry;
  prometheus::Family<prometheus::Histogram>& steps =
      prometheus::BuildHistogram()
          .Name("shakenfist_instance_step_seconds")
          .Help("Time that each step of building or removing an instance took.")
          .Register(registry);
  std::vector<Figure> figures;
};

Metrics::Metrics() : implementation_(std::make_unique<Implementation>()) {}
Metrics::~Metrics() = default;

void Metrics::ObserveStep(const std::string& operation, const std::string& step, double seconds) {
  // From a written file to a domain that starts on a busy host.
  static const prometheus::Histogram::BucketBoundaries kBuckets{
      0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30};
  implementation_->steps.Add({{"operation", operation}, {"step", step}}, kBuckets).Observe(seconds);
}

void Metrics::Gauge(const std::string& name, const std::string& help, std::function<double()> read,
                    const std::map<std::string, std::string>& labels) {
  prometheus::Gauge& gauge = prometheus::BuildGauge()
                                 .Name("shakenfist_" + name)
                                 .Help(help)
                                 .Register(implementation_->registry)
                                 .Add(labels);
  implementation_->figures.push_back({gauge, std::move(read)});
}

std::string Metrics::Text() const {
  for (const auto& figure : implementation_->figures) figure.gauge.Set(figure.read());
  return prometheus::TextSerializer().Serialize(implementation_->registry.Collect());
}

}  // namespace sf
