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
constexpr std::size_t kLingerBytes = 1024 * 1024;

bool WouldBlock() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

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

Socket::~Socket() { ::close(descriptor_); }

Result<void> Socket::Read(std::string& buffer, Deadline deadline) {
  std::array<char, kReadSize> bytes;
  for (;;) {
    // Looked at before each read, so that a peer who is never quiet for long is cut off as well.
    if (std::chrono::steady_clock::now() >= deadline) return Fail(Code::kTimeout, "read timed out");
    const ssize_t count = ::recv(descriptor_, bytes.data(), bytes.size(), 0);
    if (count > 0) {
      buffer.append(bytes.data(), static_cast<std::size_t>(count));
      return {};
    }
    if (count == 0) return Fail(Code::kUnavailable, "the peer closed the connection");
    if (!WouldBlock()) return Fail(Code::kUnavailable, "read: {}", std::strerror(errno));
    TRY(Wait(POLLIN, deadline));
  }
}

Result<void> Socket::Write(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(count));
      continue;
    }
    if (!WouldBlock()) return Fail(Code::kUnavailable, "write: {}", std::strerror(errno));
    TRY(Wait(POLLOUT, deadline));
  }
  return {};
}

void Socket::Linger(Deadline deadline) {
  ::shutdown(descriptor_, SHUT_WR);
  std::size_t dropped = 0;
  std::string bytes;
  while (dropped < kLingerBytes && Read(bytes, deadline)) {
    dropped += bytes.size();
    bytes.clear();
  }
}

void Socket::StopReading() { ::shutdown(descriptor_, SHUT_RD); }

Result<void> Socket::Wait(short events, Deadline deadline) {
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
  pollfd entry{.fd = descriptor_, .events = events, .revents = 0};
  const int ready = ::poll(&entry, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
  if (ready == 0) return Fail(Code::kTimeout, "the peer was silent for too long");
  return {};  // An error or a hang-up shows in the next call on the socket.
}

}  // namespace sf::api
