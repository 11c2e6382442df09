// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>

#include "node/api/http_exchange.h"
#include "node/api/http_message.h"
#include "node/api/request_reader.h"
#include "node/api/socket.h"

namespace sf::api {

struct HttpLimits {
  std::size_t head = 16 * 1024;
  std::size_t body = 1024 * 1024;
  /// From the first byte of a request, or of a handshake, to its last.
  std::chrono::milliseconds request{10'000};
  std::chrono::milliseconds write{30'000};  ///< For the whole of an answer.
  /// For each piece of a body that is streamed, either way.
  std::chrono::milliseconds piece{10'000};
  std::chrono::milliseconds linger{1'000};  ///< See Socket::Linger().
};

/// One client's connection: a request, its answer, the next request.
///
/// Thread: one at a time; Interrupt() from any while the object lives.
class HttpConnection {
 public:
  /// `tls` null: plain HTTP.
  HttpConnection(int descriptor, const HttpLimits& limits, const HttpHandler& handler,
                 const TlsServer* tls)
      : limits_(limits), handler_(handler), tls_(tls), socket_(descriptor), reader_(socket_) {}

  /// Reads one request and answers it; or goes on with a handshake, for as long as it need not wait
  /// for the peer. False: the connection is done with.
  [[nodiscard]] bool ServeOne();

  /// Ends a request that is still being read, and an answer that is streamed; any other goes on.
  void Interrupt() {
    interrupted_ = true;
    socket_.StopReading();
  }

  int descriptor() const { return socket_.descriptor(); }
  bool HasBuffered() const { return reader_.HasBuffered() || socket_.HasBuffered(); }

 private:
  Result<bool> Greet();
  Result<void> InviteBody(const RequestHead& head, std::size_t limit, Deadline deadline);
  Result<std::string> ReadBody(const RequestHead& head, Deadline deadline);
  bool SendStream(const HttpReply& reply);
  /// Answers a request that could not be read, if anybody is there to hear it. Always false.
  bool Refuse(Request request, const Error& error, int status_of_too_large);

  const HttpLimits& limits_;
  const HttpHandler& handler_;
  const TlsServer* const tls_;
  bool greeted_ = false;
  Deadline greet_by_;  ///< from the first byte on
  Socket socket_;
  RequestReader reader_;
  std::atomic<bool> interrupted_ = false;
};

}  // namespace sf::api
