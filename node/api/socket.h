// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "node/api/tls.h"
#include "node/base/result.h"

namespace sf::api {

using Deadline = std::chrono::steady_clock::time_point;

/// One accepted, non-blocking TCP connection, under TLS from Greet() on; closed with the object.
/// Every wait has a deadline: kTimeout past it, kUnavailable once the peer has gone.
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

  /// Goes on with the handshake as far as what has come in allows: true once it is over, false if
  /// more has to come first, for which it does not wait. kInvalid: the peer speaks no TLS, and may
  /// be told so in plain text. Nothing can be said after any other error.
  Result<bool> Greet(const TlsServer& tls, Deadline deadline);

  /// Appends what has come in, at least one byte, to `buffer`.
  Result<void> Read(std::string& buffer, Deadline deadline);
  Result<void> Write(std::string_view bytes, Deadline deadline);

  /// Ends our side, then drops what the peer still sends, within bounds. Closing with bytes unread
  /// would send a reset, which takes the last answer away from a peer that has not read it yet.
  void Linger(Deadline deadline);

  /// Bytes are here that the descriptor does not show.
  bool HasBuffered() const { return tls_ && tls_->HasBuffered(); }
  /// Whether a Read() would find something now, be it the end.
  bool HasInput() const;

  /// A Read() that waits, and every later one, sees the end.
  void StopReading();

 private:
  Result<void> Wait(const Progress& progress, const char* operation, Deadline deadline);

  const int descriptor_;
  std::string remote_address_;
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace sf::api
