// SPDX-License-Identifier: Apache-2.0
#include "node/base/metrics.h"

#include <catch2/catch.hpp>

namespace sf {
namespace {

using namespace std::chrono_literals;

bool Has(const Metrics& metrics, const std::string& line) {
  return ("\n" + metrics.Text()).find("\n" + line + "\n") != std::string::npos;
}

}  // namespace

TEST_CASE("metrics: counters and gauges are what they are when somebody asks") {
  Metrics metrics;
  Count made = 0;
  double left = 1;
  metrics.Counter("made_total", "How many.", made, {{"kind", "a"}});
  metrics.Counter("made_total", "How many.", [] { return 7; }, {{"kind", "b"}});
  metrics.Gauge("left_bytes", "What is left.", [&] { return left; });
  made += 3;
  left = 2.5;
  CHECK(Has(metrics, "# HELP made_total How many."));
  CHECK(Has(metrics, "# TYPE made_total counter"));
  CHECK(Has(metrics, "made_total{kind=\"a\"} 3"));
  CHECK(Has(metrics, "made_total{kind=\"b\"} 7"));
  CHECK(Has(metrics, "# TYPE left_bytes gauge"));
  CHECK(Has(metrics, "left_bytes 2.5"));
}

TEST_CASE("metrics: a bucket has all that took at most so long") {
  Metrics metrics;
  Durations took;
  metrics.Histogram("job_seconds", "How long.", took);
  for (const auto each : {0ns, 500'000ns, 500'001ns, 700'000'000ns, 31'000'000'000ns}) {
    took.Observe(each);
  }
  CHECK(took.count() == 5);
  CHECK(Has(metrics, "# TYPE job_seconds histogram"));
  CHECK(Has(metrics, "job_seconds_bucket{le=\"0.0005\"} 2"));
  CHECK(Has(metrics, "job_seconds_bucket{le=\"0.001\"} 3"));
  CHECK(Has(metrics, "job_seconds_bucket{le=\"0.5\"} 3"));
  CHECK(Has(metrics, "job_seconds_bucket{le=\"1\"} 4"));
  CHECK(Has(metrics, "job_seconds_bucket{le=\"30\"} 4"));
  CHECK(Has(metrics, "job_seconds_bucket{le=\"+Inf\"} 5"));
  CHECK(Has(metrics, "job_seconds_count 5"));
  CHECK(took.seconds() == Approx(31.701000001));
}

TEST_CASE("metrics: labels that come up have figures of their own") {
  Metrics metrics;
  ByLabels<Count> calls;
  metrics.Counter("calls_total", "Calls.", calls);
  ++calls[{{"status", "200"}}];
  ++calls[{{"status", "404"}}];
  ++calls[{{"status", "200"}}];
  metrics.ObserveStep("build", "disks", 1ms);
  CHECK(Has(metrics, "calls_total{status=\"200\"} 2"));
  CHECK(Has(metrics, "calls_total{status=\"404\"} 1"));
  CHECK(
      Has(metrics, "shakenfist_instance_step_seconds_count{operation=\"build\",step=\"disks\"} 1"));
}

}  // namespace sf
