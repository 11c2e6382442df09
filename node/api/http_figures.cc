// SPDX-License-Identifier: Apache-2.0
#include "node/api/http_figures.h"

#include <map>
#include <string>

namespace sf::api {

void AddHttpMetrics(Metrics& metrics, const HttpFigures& figures) {
  const auto gauge = [&](const char* name, const char* help, const HttpFigures::Count& figure,
                         const std::map<std::string, std::string>& labels = {}) {
    metrics.Gauge(
        std::string("http_") + name, help, [&figure] { return static_cast<double>(figure); },
        labels);
  };
  gauge("connections", "Connections of clients now.", figures.connections);
  gauge("connections_taken", "Connections of clients since the start.", figures.taken);
  gauge("requests", "Requests that came whole.", figures.requests);
  gauge("waiting", "Connections in line for a thread now.", figures.waiting);
  gauge("held_bytes", "Memory of half-read requests and half-sent answers now.",
        figures.held_bytes);
  constexpr char kTurnedOut[] = "Connections that gave way: to others, or for what they held.";
  gauge("turned_out", kTurnedOut, figures.turned_out_full, {{"reason", "connections"}});
  gauge("turned_out", kTurnedOut, figures.turned_out_memory, {{"reason", "memory"}});
  constexpr char kRefused[] = "Requests that were refused before anybody looked at them.";
  gauge("refused", kRefused, figures.malformed, {{"reason", "malformed"}});
  gauge("refused", kRefused, figures.timed_out, {{"reason", "slow"}});
  gauge("refused", kRefused, figures.too_large, {{"reason", "large"}});
  gauge("unread", "Answers that were given up, as their clients did not take them in time.",
        figures.unread);
}

}  // namespace sf::api
