// SPDX-License-Identifier: Apache-2.0
#include "node/api/listen_socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

namespace sf::api {
namespace {

constexpr int kBacklog = 4096;  // A flood that fills it would keep others from connecting.

}  // namespace

Result<FileDescriptor> ListenOn(const std::string& address, int port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) {
    return Fail(Code::kInvalid, "cannot listen on '{}' port {}: not a numeric address and a port",
                address, port);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);

  FileDescriptor listener(
      ::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  const int on = 1;
  // Without it a restarted daemon waits a minute for its predecessor's connections to be forgotten.
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  // Without it "::" takes the IPv4 port as well, and 0.0.0.0 beside it fails.
  if (found->ai_family == AF_INET6) {
    ::setsockopt(listener.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  }
  if (listener.get() < 0 || ::bind(listener.get(), found->ai_addr, found->ai_addrlen) != 0 ||
      ::listen(listener.get(), kBacklog) != 0) {
    return Fail(Code::kUnavailable, "cannot listen on {} port {}: {}", address, port,
                std::strerror(errno));
  }
  return listener;
}

int BoundPort(const FileDescriptor& listener) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  if (::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&bound), &size) != 0) return 0;
  return ntohs(bound.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&bound)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&bound)->sin_port);
}

}  // namespace sf::api
