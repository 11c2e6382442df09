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
/// Only what has a deadline waits: kTimeout past it. kUnavailable once the peer has gone.
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

  /// Appends some of what has come in to `buffer`; false if there is nothing.
  Result<bool> Read(std::string& buffer);
  /// Until Read() finds something.
  Result<void> AwaitInput(Deadline deadline);
  /// How many of `bytes` there was room for. What is left has to come next, from where it lies.
  Result<std::size_t> Write(std::string_view bytes);
  Result<void> WriteAll(std::string_view bytes, Deadline deadline);

  /// Ends our side; what the peer sends can still be read.
  void EndWriting();

  /// Bytes are here that the descriptor does not show.
  bool HasBuffered() const { return tls_ && tls_->HasBuffered(); }

  /// Whoever waits for input, and every later Read(), sees the end.
  void StopReading();

 private:
  static Result<void> Ended(const Progress& progress, const char* operation);
  Result<void> Wait(const Progress& progress, const char* operation, Deadline deadline);

  const int descriptor_;
  std::string remote_address_;
  std::unique_ptr<TlsSession> tls_;
};

}  // namespace sf::api
