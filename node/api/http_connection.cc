// SPDX-License-Identifier: Apache-2.0
#include "node/api/http_connection.h"

#include <limits>
#include <string_view>
#include <utility>

#include "node/api/node_token.h"
#include "node/api/status.h"
#include "node/base/log.h"

namespace sf::api {

using Clock = std::chrono::steady_clock;

namespace {

/// For an answer to what may be anything.
constexpr char kPlainLine[] = "GET / HTTP/1.1";

/// POST /upload/{uuid}, whose body is written to disk as it comes. A client whose base URL ends in
/// a slash sends two.
bool IsUpload(std::string_view request_line) {
  constexpr std::string_view kMethod = "POST ";
  if (!request_line.starts_with(kMethod)) return false;
  request_line.remove_prefix(kMethod.size());
  while (request_line.starts_with('/')) request_line.remove_prefix(1);
  return request_line.starts_with("upload/");
}

}  // namespace

bool HttpConnection::ServeOne() {
  const Deadline deadline = Clock::now() + limits_.request;
  Request request;
  request.remote_address = socket_.remote_address();

  if (tls_ != nullptr && !greeted_) {
    const auto ready = Greet();
    if (!ready) {
      log::Debug("no TLS handshake peer={} error={}", request.remote_address,
                 ready.error().message);
      return Refuse(std::move(request), ready.error(), 400);
    }
    if (!*ready) return true;
  }
  auto head = reader_.ReadHead(limits_.head, deadline);
  if (!head) return Refuse(std::move(request), head.error(), 431);
  request.headers = std::move(head->headers);

  bool body_left = false;
  bool keep_alive = head->keep_alive;
  // What a node passes on is signed with its body and no larger than that may be.
  if (IsUpload(head->request_line) && !NodeTokens::IsIn(request)) {
    body_left = head->HasBody();
    keep_alive = false;  // Nobody knows yet whether the body will be read to its end.
    request.read_body = [&](const ByteSink& sink) -> Result<void> {
      if (!body_left) return {};
      TRY(InviteBody(*head, std::numeric_limits<std::size_t>::max(), Clock::now() + limits_.piece));
      TRY(reader_.StreamBody(*head, sink, limits_.piece));
      body_left = false;
      return {};
    };
  } else {
    auto body = ReadBody(*head, deadline);
    if (!body) return Refuse(std::move(request), body.error(), 413);
    request.body = *std::move(body);
  }

  const HttpReply reply = Answer(head->request_line, std::move(request), keep_alive, handler_);
  if (reply.stream) return SendStream(reply) && reply.keep_alive;
  if (!socket_.Write(reply.bytes, Clock::now() + limits_.write)) return false;
  if (body_left) socket_.Linger(Clock::now() + limits_.linger);
  return reply.keep_alive;
}

// Whoever stops in the middle of a handshake, or after it, waits where silent connections wait, and
// holds no thread. True once a request can be read.
Result<bool> HttpConnection::Greet() {
  if (greet_by_ == Deadline()) greet_by_ = Clock::now() + limits_.request;
  greeted_ = TRY(socket_.Greet(*tls_, greet_by_));
  return greeted_ && socket_.HasInput();
}

Result<void> HttpConnection::InviteBody(const RequestHead& head, std::size_t limit,
                                        Deadline deadline) {
  const bool will_read = head.HasBody() && head.content_length.value_or(0) <= limit;
  if (!will_read || !head.expects_continue || reader_.HasBuffered()) return {};
  return socket_.Write("HTTP/1.1 100 Continue\r\n\r\n", deadline);
}

Result<std::string> HttpConnection::ReadBody(const RequestHead& head, Deadline deadline) {
  TRY(InviteBody(head, limits_.body, deadline));
  return reader_.ReadBody(head, limits_.body, deadline);
}

// The head waits for the first piece, so that what goes wrong before it can still be told.
bool HttpConnection::SendStream(const HttpReply& reply) {
  std::uint64_t sent = 0;
  const ByteSink sink = [&](std::string_view piece) -> Result<void> {
    if (interrupted_) return Fail(Code::kUnavailable, "this node is stopping");
    if (sent == 0) TRY(socket_.Write(reply.bytes, Clock::now() + limits_.piece));
    sent += piece.size();
    return socket_.Write(piece, Clock::now() + limits_.piece);
  };
  const Result<void> done = reply.stream->write(sink);
  if (done && sent == 0)
    return socket_.Write(reply.bytes, Clock::now() + limits_.write).has_value();
  if (done || sent > 0) return done && sent == reply.stream->bytes;
  const HttpReply failure =
      Answer(kPlainLine, Request{}, /*keep_alive=*/false, [&](const Request&) {
        return ErrorResponse(ToStatus(done.error().code), done.error().message);
      });
  (void)socket_.Write(failure.bytes, Clock::now() + limits_.write);
  return false;
}

bool HttpConnection::Refuse(Request request, const Error& error, int status_of_too_large) {
  if (error.code == Code::kUnavailable) return false;
  const int status = error.code == Code::kTooLarge  ? status_of_too_large
                     : error.code == Code::kTimeout ? 408
                                                    : 400;
  const HttpReply reply =
      Answer(kPlainLine, std::move(request), /*keep_alive=*/false,
             [&](const Request&) { return ErrorResponse(status, error.message); });
  if (socket_.Write(reply.bytes, Clock::now() + limits_.write)) {
    socket_.Linger(Clock::now() + limits_.linger);
  }
  return false;
}

}  // namespace sf::api
