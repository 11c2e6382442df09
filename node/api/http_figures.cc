// SPDX-License-Identifier: Apache-2.0
#include "node/api/http_figures.h"

namespace sf::api {

void AddHttpMetrics(Metrics& metrics, const HttpFigures& figures) {
  metrics.Gauge("shakenfist_http_connections", "Connections of clients now.", figures.connections);
  metrics.Counter("shakenfist_http_connections_accepted_total", "Connections of clients.",
                  figures.taken);
  metrics.Gauge("shakenfist_http_waiting_connections", "Connections in line for a thread now.",
                figures.waiting);
  metrics.Gauge("shakenfist_http_held_bytes",
                "Memory of half-read requests and half-sent answers now.", figures.held_bytes);
  metrics.Counter(
      "shakenfist_http_connections_turned_out_total",
      "Connections that gave way: to others, or for what they held.", "reason",
      {{"connections", figures.turned_out_full}, {"memory", figures.turned_out_memory}});
  metrics.Counter("shakenfist_http_requests_total", "Requests that came whole.", figures.requests);
  metrics.Counter("shakenfist_http_requests_refused_total",
                  "Requests that were refused before anybody looked at them.", "reason",
                  {{"malformed", figures.malformed},
                   {"slow", figures.timed_out},
                   {"large", figures.too_large}});
  metrics.Counter("shakenfist_http_answers_unread_total",
                  "Answers that were given up, as their clients did not take them in time.",
                  figures.unread);
}

}  // namespace sf::api
