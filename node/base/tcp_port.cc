// SPDX-License-Identifier: Apache-2.0
#include "node/base/tcp_port.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

namespace sf {

bool IsPortFree(const std::string& address, int port) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (getaddrinfo(address.c_str(), std::to_string(port).c_str(), &hints, &found) != 0) return true;
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> info(found, &freeaddrinfo);
  const int descriptor = socket(info->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (descriptor < 0) return true;
  // As QEMU does it: a connection that lingers from before is no obstacle.
  const int reuse = 1;
  setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
  const bool taken = bind(descriptor, info->ai_addr, info->ai_addrlen) != 0 && errno == EADDRINUSE;
  close(descriptor);
  return !taken;
}

}  // namespace sf
