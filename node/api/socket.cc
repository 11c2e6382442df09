// SPDX-License-Identifier: Apache-2.0
#include "node/api/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace sf::api {
namespace {

constexpr std::size_t kReadSize = 16 * 1024;

/// With which every conversation in TLS begins: a record of the handshake.
constexpr char kTlsHandshake = 0x16;

/// What `count`, and errno, say of a call on the socket; `wait` is what it may have to wait for.
Progress ToProgress(ssize_t count, Progress::State wait) {
  if (count >= 0) return {Progress::State::kDone, static_cast<std::size_t>(count)};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {wait};
  return {Progress::State::kFailed, 0, std::strerror(errno)};
}

Progress Receive(int descriptor, char* bytes, std::size_t size, int flags) {
  const Progress done =
      ToProgress(::recv(descriptor, bytes, size, flags), Progress::State::kWaitsToRead);
  const bool ended = done.state == Progress::State::kDone && done.bytes == 0;
  return ended ? Progress{Progress::State::kEnded} : done;
}

Progress Send(int descriptor, std::string_view bytes) {
  return ToProgress(::send(descriptor, bytes.data(), bytes.size(), MSG_NOSIGNAL),
                    Progress::State::kWaitsToWrite);
}

std::string PeerOf(int descriptor) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return {};
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* const address =
      peer.ss_family == AF_INET6
          ? static_cast<const void*>(&reinterpret_cast<const sockaddr_in6*>(&peer)->sin6_addr)
          : static_cast<const void*>(&reinterpret_cast<const sockaddr_in*>(&peer)->sin_addr);
  if (::inet_ntop(peer.ss_family, address, text.data(), text.size()) == nullptr) return {};
  return text.data();
}

}  // namespace

Socket::Socket(int descriptor) : descriptor_(descriptor), remote_address_(PeerOf(descriptor)) {
  // Without it an answer waits up to 40 ms for the peer's delayed acknowledgement.
  const int on = 1;
  ::setsockopt(descriptor_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Socket::~Socket() {
  if (tls_) tls_->End();
  ::close(descriptor_);
}

Result<bool> Socket::Greet(const TlsServer& tls, Deadline deadline) {
  using State = Progress::State;
  Progress done;
  if (!tls_) {
    char first = 0;
    done = Receive(descriptor_, &first, sizeof first, MSG_PEEK);
    if (done.state == State::kDone && first != kTlsHandshake) {
      return Fail(Code::kInvalid, "this port speaks HTTPS only: ask for https://, not http://");
    }
    if (done.state == State::kDone) tls_ = tls.Accept(descriptor_);
  }
  for (;;) {
    if (tls_) done = tls_->Handshake();
    if (done.state == State::kDone) return true;
    if (done.state == State::kWaitsToRead && std::chrono::steady_clock::now() < deadline) {
      return false;
    }
    const Result<void> waited = Wait(done, "TLS handshake", deadline);
    if (!waited) return Fail(Code::kUnavailable, "{}", waited.error().message);
  }
}

Result<bool> Socket::Read(std::string& buffer) {
  std::array<char, kReadSize> bytes;
  const Progress done = tls_ ? tls_->Read(bytes.data(), bytes.size())
                             : Receive(descriptor_, bytes.data(), bytes.size(), 0);
  if (done.state == Progress::State::kWaitsToRead) return false;
  TRY(Ended(done, "read"));
  buffer.append(bytes.data(), done.bytes);
  return true;
}

Result<void> Socket::AwaitInput(Deadline deadline) {
  if (HasBuffered()) return {};
  return Wait({Progress::State::kWaitsToRead}, "read", deadline);
}

Result<std::size_t> Socket::Write(std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const std::string_view rest = bytes.substr(sent);
    const Progress done = tls_ ? tls_->Write(rest) : Send(descriptor_, rest);
    if (done.state == Progress::State::kWaitsToWrite) break;
    TRY(Ended(done, "write"));
    sent += done.bytes;
  }
  return sent;
}

Result<void> Socket::WriteAll(std::string_view bytes, Deadline deadline) {
  for (;;) {
    bytes.remove_prefix(TRY(Write(bytes)));
    if (bytes.empty()) return {};
    TRY(Wait({Progress::State::kWaitsToWrite}, "write", deadline));
  }
}

void Socket::EndWriting() {
  if (tls_) tls_->End();
  ::shutdown(descriptor_, SHUT_WR);
}

void Socket::StopReading() { ::shutdown(descriptor_, SHUT_RD); }

// Neither way waits for the other: TLS would read to write only to negotiate anew, which it may
// not, and write to read only for a peer that asks for new keys and does not take them.
Result<void> Socket::Ended(const Progress& progress, const char* operation) {
  using State = Progress::State;
  if (progress.state == State::kDone) return {};
  if (progress.state == State::kEnded) {
    return Fail(Code::kUnavailable, "the peer closed the connection");
  }
  return Fail(Code::kUnavailable, "{}: {}", operation, progress.cause);
}

Result<void> Socket::Wait(const Progress& progress, const char* operation, Deadline deadline) {
  using State = Progress::State;
  const bool waits =
      progress.state == State::kWaitsToRead || progress.state == State::kWaitsToWrite;
  if (!waits) return Ended(progress, operation);
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  const short events = progress.state == State::kWaitsToRead ? POLLIN : POLLOUT;
  pollfd entry{.fd = descriptor_, .events = events, .revents = 0};
  // Looked at before each wait, so that a peer who is never quiet for long is cut off as well.
  const int ready = left.count() <= 0 ? 0 : ::poll(&entry, 1, static_cast<int>(left.count()));
  if (ready == 0) return Fail(Code::kTimeout, "the peer was silent for too long");
  return {};  // An error or a hang-up shows in the next call on the socket.
}

}  // namespace sf::api
