// SPDX-License-Identifier: Apache-2.0
#include "node/api/http_connection.h"

#include <utility>

#include "node/api/http_exchange.h"

namespace sf::api {

using Clock = std::chrono::steady_clock;

bool HttpConnection::ServeOne() {
  const Deadline deadline = Clock::now() + limits_.request;
  Request request;
  request.remote_address = socket_.remote_address();

  auto head = reader_.ReadHead(limits_.head, deadline);
  if (!head) return Refuse(std::move(request), head.error(), 431);
  request.headers = std::move(head->headers);

  auto body = ReadBody(*head, deadline);
  if (!body) return Refuse(std::move(request), body.error(), 413);
  request.body = *std::move(body);

  const HttpReply reply =
      Answer(head->request_line, std::move(request), head->keep_alive, handler_);
  return socket_.Write(reply.bytes, Clock::now() + limits_.write) && reply.keep_alive;
}

Result<std::string> HttpConnection::ReadBody(const RequestHead& head, Deadline deadline) {
  const bool will_read = head.HasBody() && head.content_length.value_or(0) <= limits_.body;
  if (will_read && head.expects_continue && !reader_.HasBuffered()) {
    TRY(socket_.Write("HTTP/1.1 100 Continue\r\n\r\n", deadline));
  }
  return reader_.ReadBody(head, limits_.body, deadline);
}

bool HttpConnection::Refuse(Request request, const Error& error, int status_of_too_large) {
  if (error.code == Code::kUnavailable) return false;
  const int status = error.code == Code::kTooLarge  ? status_of_too_large
                     : error.code == Code::kTimeout ? 408
                                                    : 400;
  // Written like any other answer; the line stands in for one that may be anything.
  const HttpReply reply =
      Answer("GET / HTTP/1.1", std::move(request), /*keep_alive=*/false,
             [&](const Request&) { return ErrorResponse(status, error.message); });
  if (socket_.Write(reply.bytes, Clock::now() + limits_.write)) {
    socket_.Linger(Clock::now() + limits_.linger);
  }
  return false;
}

}  // namespace sf::api
