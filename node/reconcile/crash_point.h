// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#ifdef SF_CRASH_POINTS
#include <csignal>
#include <cstdlib>
#include <string>
#endif

namespace sf::reconcile {

/// Where a test may kill the daemon, as kill -9 would: after the step that SF_CRASH_AT in the
/// environment names, as "<operation>:<step>". Only builds for tests have it (CMake:
/// SF_CRASH_POINTS).
inline void CrashPoint([[maybe_unused]] std::string_view operation,
                       [[maybe_unused]] std::string_view step) {
#ifdef SF_CRASH_POINTS
  const char* wanted = std::getenv("SF_CRASH_AT");
  if (wanted != nullptr && std::string(operation).append(":").append(step) == wanted) {
    std::raise(SIGKILL);
  }
#endif
}

}  // namespace sf::reconcile
