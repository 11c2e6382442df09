// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>

#include "node/api/http_exchange.h"
#include "node/api/http_figures.h"
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
  /// How long, and for how many bytes, a client that is refused is heard out: closing with bytes
  /// unread would send a reset, which takes the answer away from it.
  std::chrono::milliseconds linger{1'000};
  std::size_t linger_bytes = 1024 * 1024;
};

/// What a connection needs to go on.
struct HttpWait {
  enum class For {
    kTurn,     ///< nothing: its next request is here
    kRequest,  ///< the first byte of a request, or what comes next of a handshake
    kInput,    ///< more of a request, until `until`
    kRoom,     ///< that the peer takes more of its answer, until `until`
    kEnd,      ///< nothing any more: it is done with
  };
  For what = For::kEnd;
  Deadline until = {};
};

/// One client's connection: a request, its answer, the next request.
///
/// A client that is slow to send or to take costs no thread; what is here of its request, or still
/// to be sent of its answer, waits in the connection. Only bodies that are streamed are waited for,
/// and their number is limited where they are asked for.
///
/// Thread: one at a time; Interrupt() from any while the object lives.
class HttpConnection {
 public:
  /// `tls` null: plain HTTP. Once `last` is set, each answer says that it is the last.
  HttpConnection(int descriptor, const HttpLimits& limits, const HttpHandler& handler,
                 const TlsServer* tls, HttpFigures& figures, const std::atomic<bool>& last)
      : limits_(limits),
        handler_(handler),
        tls_(tls),
        figures_(figures),
        last_(last),
        socket_(descriptor),
        reader_(socket_) {}

  /// Goes on as far as it can without waiting for the peer, and at most to the end of one answer.
  /// Called when what it waits for is there, and when the time for that is over.
  [[nodiscard]] HttpWait Advance();

  /// Ends an answer or an upload that is streamed; any other goes on.
  void Interrupt() {
    interrupted_ = true;
    socket_.StopReading();
  }

  int descriptor() const { return socket_.descriptor(); }
  const std::string& remote_address() const { return socket_.remote_address(); }
  /// Bytes of memory that wait here for the peer.
  std::size_t held() const {
    return reader_.buffered() + request_.body.capacity() + out_.capacity();
  }

 private:
  enum class Phase { kGreet, kHead, kBody, kAnswer, kLinger };

  HttpWait Greet();
  HttpWait ReadHead();
  HttpWait ReadBody();
  /// For the rest of a request; past the time for it, refuses it.
  HttpWait AwaitRest();
  HttpWait Handle();
  HttpWait HandleUpload();
  HttpWait SendAnswer();
  HttpWait Linger();

  HttpWait Send(std::string bytes, bool keep_alive, bool linger);
  /// Sends a reply whose body is streamed.
  HttpWait SendStream(const HttpReply& reply);
  /// Answers a request that could not be read, if anybody is there to hear it.
  HttpWait Refuse(const Error& error, int status_of_too_large);
  HttpWait SendError(int status, const std::string& message, bool linger);
  Result<void> InviteBody();

  const HttpLimits& limits_;
  const HttpHandler& handler_;
  const TlsServer* const tls_;
  HttpFigures& figures_;
  const std::atomic<bool>& last_;
  Socket socket_;
  RequestReader reader_;
  std::atomic<bool> interrupted_ = false;

  Phase phase_ = Phase::kGreet;
  Deadline until_ = {};  // of the phase; none before its first byte
  RequestHead head_;
  Request request_;
  std::string out_;  // an answer, of which the first sent_ bytes are on their way
  std::size_t sent_ = 0;
  std::size_t dropped_ = 0;
  bool keep_alive_ = false;
  bool linger_ = false;
};

}  // namespace sf::api
