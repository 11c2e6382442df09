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

HttpWait HttpConnection::Advance() {
  switch (phase_) {
    case Phase::kGreet: return Greet();
    case Phase::kHead: return ReadHead();
    case Phase::kBody: return ReadBody();
    case Phase::kAnswer: return SendAnswer();
    case Phase::kLinger: return Linger();
  }
  return {};
}

// Whoever stops in the middle of a handshake, or after it, waits where silent connections wait.
HttpWait HttpConnection::Greet() {
  if (tls_ != nullptr) {
    if (until_ == Deadline()) until_ = Clock::now() + limits_.request;
    const auto ready = socket_.Greet(*tls_, until_);
    if (!ready) {
      log::Debug("no TLS handshake peer={} error={}", remote_address(), ready.error().message);
      return Refuse(ready.error(), 400);
    }
    if (!*ready) return {HttpWait::For::kRequest};
    until_ = {};
  }
  phase_ = Phase::kHead;
  return ReadHead();
}

HttpWait HttpConnection::ReadHead() {
  if (until_ == Deadline()) until_ = Clock::now() + limits_.request;
  auto head = reader_.ReadHead(limits_.head);
  if (!head) return Refuse(head.error(), 431);
  if (!*head && !reader_.HasBuffered()) {
    until_ = {};
    return {HttpWait::For::kRequest};
  }
  if (!*head) return AwaitRest();
  head_ = **std::move(head);
  request_.headers = std::move(head_.headers);
  request_.remote_address = remote_address();
  // What a node passes on is signed with its body and no larger than that may be.
  const bool is_upload = IsUpload(head_.request_line) && !NodeTokens::IsIn(request_);
  const std::size_t limit = is_upload ? std::numeric_limits<std::size_t>::max() : limits_.body;
  if (const auto begun = reader_.BeginBody(head_, limit); !begun) return Refuse(begun.error(), 413);
  if (is_upload) return HandleUpload();
  if (const auto invited = InviteBody(); !invited) return {};
  phase_ = Phase::kBody;
  return ReadBody();
}

HttpWait HttpConnection::ReadBody() {
  const auto whole = reader_.ReadBody(request_.body, limits_.body);
  if (!whole) return Refuse(whole.error(), 413);
  if (!*whole) return AwaitRest();
  return Handle();
}

HttpWait HttpConnection::AwaitRest() {
  if (Clock::now() < until_) return {HttpWait::For::kInput, until_};
  return Refuse({Code::kTimeout, "the request did not come whole in time"}, 413);
}

// Nobody knows yet whether the body will be read to its end, so the connection ends with it.
HttpWait HttpConnection::HandleUpload() {
  bool body_left = head_.HasBody();
  request_.read_body = [this, &body_left](const ByteSink& sink) -> Result<void> {
    if (!body_left) return {};
    TRY(InviteBody());
    TRY(reader_.StreamBody(sink, limits_.piece));
    body_left = false;
    return {};
  };
  const HttpReply reply =
      Answer(head_.request_line, std::move(request_), /*keep_alive=*/false, handler_);
  return Send(reply.bytes, /*keep_alive=*/false, /*linger=*/body_left);
}

HttpWait HttpConnection::Handle() {
  HttpReply reply =
      Answer(head_.request_line, std::exchange(request_, {}), head_.keep_alive && !last_, handler_);
  if (reply.stream) return SendStream(reply);
  return Send(std::move(reply.bytes), reply.keep_alive, /*linger=*/false);
}

HttpWait HttpConnection::Send(std::string bytes, bool keep_alive, bool linger) {
  phase_ = Phase::kAnswer;
  until_ = Clock::now() + limits_.write;
  out_ = std::move(bytes);
  sent_ = 0;
  keep_alive_ = keep_alive;
  linger_ = linger;
  return SendAnswer();
}

HttpWait HttpConnection::SendAnswer() {
  const auto taken = socket_.Write(std::string_view(out_).substr(sent_));
  if (!taken) return {};
  sent_ += *taken;
  if (sent_ < out_.size()) {
    if (Clock::now() < until_) return {HttpWait::For::kRoom, until_};
    ++figures_.unread;
    return {};
  }
  std::string().swap(out_);  // An assignment would keep the memory.
  if (linger_) {
    socket_.EndWriting();
    phase_ = Phase::kLinger;
    until_ = Clock::now() + limits_.linger;
    return Linger();
  }
  if (!keep_alive_) return {};
  phase_ = Phase::kHead;
  until_ = {};
  const bool is_here = reader_.HasBuffered() || socket_.HasBuffered();
  return {is_here ? HttpWait::For::kTurn : HttpWait::For::kRequest};
}

HttpWait HttpConnection::Linger() {
  std::string bytes;
  for (;;) {
    bytes.clear();
    const auto more = socket_.Read(bytes);
    dropped_ += bytes.size();
    if (!more || dropped_ > limits_.linger_bytes || Clock::now() >= until_) return {};
    if (!*more) return {HttpWait::For::kInput, until_};
  }
}

Result<void> HttpConnection::InviteBody() {
  if (!head_.HasBody() || !head_.expects_continue || reader_.HasBuffered()) return {};
  return socket_.WriteAll("HTTP/1.1 100 Continue\r\n\r\n", Clock::now() + limits_.piece);
}

// The head waits for the first piece, so that what goes wrong before it can still be told.
HttpWait HttpConnection::SendStream(const HttpReply& reply) {
  std::uint64_t sent = 0;
  const ByteSink sink = [&](std::string_view piece) -> Result<void> {
    if (interrupted_) return Fail(Code::kUnavailable, "this node is stopping");
    if (sent == 0) TRY(socket_.WriteAll(reply.bytes, Clock::now() + limits_.piece));
    sent += piece.size();
    return socket_.WriteAll(piece, Clock::now() + limits_.piece);
  };
  const Result<void> done = reply.stream->write(sink);
  if (done && sent == 0) return Send(reply.bytes, reply.keep_alive, /*linger=*/false);
  if (done && sent == reply.stream->bytes) return Send({}, reply.keep_alive, /*linger=*/false);
  if (!done && sent == 0) {
    return SendError(ToStatus(done.error().code), done.error().message, /*linger=*/false);
  }
  if (!done && done.error().code == Code::kTimeout) ++figures_.unread;
  return {};
}

HttpWait HttpConnection::Refuse(const Error& error, int status_of_too_large) {
  if (error.code == Code::kUnavailable) return {};
  const bool too_large = error.code == Code::kTooLarge;
  const bool timed_out = error.code == Code::kTimeout;
  ++(too_large ? figures_.too_large : timed_out ? figures_.timed_out : figures_.malformed);
  return SendError(too_large   ? status_of_too_large
                   : timed_out ? 408
                               : 400,
                   error.message,
                   /*linger=*/true);
}

HttpWait HttpConnection::SendError(int status, const std::string& message, bool linger) {
  const HttpReply reply = Answer(kPlainLine, std::exchange(request_, {}), /*keep_alive=*/false,
                                 [&](const Request&) { return ErrorResponse(status, message); });
  return Send(reply.bytes, /*keep_alive=*/false, linger);
}

}  // namespace sf::api
