// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "node/base/result.h"

namespace sf::api {

using Deadline = std::chrono::steady_clock::time_point;

/// One accepted, non-blocking TCP connection; closed with the object. Every wait has a deadline:
/// kTimeout past it, kUnavailable once the peer has gone.
///
/// Thread: one at a time; StopReading() from any while the object lives.
class Socket {
 public:
  explicit Socket(int descriptor);
  ~Socket();
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  int descriptor() const { return descriptor_; }
  const std::string& remote_address() const { return remote_address_; }

  /// Appends what has come in, at least one byte, to `buffer`.
  Result<void> Read(std::string& buffer, Deadline deadline);
  Result<void> Write(std::string_view bytes, Deadline deadline);

  /// Ends our side, then drops what the peer still sends, within bounds. Closing with bytes unread
  /// would send a reset, which takes the last answer away from a peer that has not read it yet.
  void Linger(Deadline deadline);

  /// A Read() that waits, and every later one, sees the end.
  void StopReading();

 private:
  Result<void> Wait(short events, Deadline deadline);

  const int descriptor_;
  std::string remote_address_;
};

}  // namespace sf::api
