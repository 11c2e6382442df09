// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/base/metrics.h"

namespace sf::api {

/// What the HTTP front has counted since its start, and what it holds now.
struct HttpFigures {
  Count taken = 0;        ///< connections
  Count connections = 0;  ///< now
  Count requests = 0;
  Count waiting = 0;     ///< connections with something to do, in line for a thread, now
  Count held_bytes = 0;  ///< of half-read requests and half-sent answers, now

  // Whom a limit has met.
  Count turned_out_full = 0;    ///< connections that made room for others
  Count turned_out_memory = 0;  ///< likewise, for what they held
  Count malformed = 0;          ///< requests: 400
  Count timed_out = 0;          ///< 408
  Count too_large = 0;          ///< 413 and 431
  Count unread = 0;             ///< answers that were not taken in time
};

/// `figures` has to outlive `metrics`, or the last Text() of it.
void AddHttpMetrics(Metrics& metrics, const HttpFigures& figures);

}  // namespace sf::api
