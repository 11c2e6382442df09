// SPDX-License-Identifier: Apache-2.0
#include "tests/images/bad_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string_view>
#include <utility>

#include "node/base/check.h"

namespace sf::test {
namespace {

std::string HeaderOf(const std::string& head, const std::string& name) {
  const auto start = head.find("\r\n" + name + ": ");
  if (start == std::string::npos) return {};
  const auto value = start + name.size() + 4;
  return head.substr(value, head.find("\r\n", value) - value);
}

std::string Find(const std::map<std::string, std::string>& headers, const std::string& name) {
  const auto found = headers.find(name);
  return found == headers.end() ? "" : found->second;
}

/// All of it, unless the client has gone away.
void Send(int client, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
}

/// A request's head, and its body if it has one: a socket closed with bytes unread would be reset.
std::string Receive(int client) {
  std::string request;
  std::size_t needed = SIZE_MAX;
  while (request.size() < needed) {
    char bytes[4096];
    const ssize_t got = ::recv(client, bytes, sizeof bytes, 0);
    if (got <= 0) break;
    request.append(bytes, static_cast<std::size_t>(got));
    if (const auto end = request.find("\r\n\r\n"); end != std::string::npos) {
      const std::string length = HeaderOf(request, "Content-Length");
      needed = end + 4 + (length.empty() ? 0 : std::stoul(length));
    }
  }
  return request;
}

int Listen(const sockaddr* address, socklen_t size, int family) {
  const int listener = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  SF_CHECK(listener >= 0);
  SF_CHECK(::bind(listener, address, size) == 0);
  SF_CHECK(::listen(listener, 64) == 0);
  return listener;
}

}  // namespace

BadServer::BadServer(const std::string& unix_socket) {
  if (unix_socket.empty()) {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener_ = Listen(reinterpret_cast<sockaddr*>(&address), sizeof address, AF_INET);
    socklen_t size = sizeof address;
    SF_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  } else {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    SF_CHECK(unix_socket.size() < sizeof address.sun_path);
    unix_socket.copy(address.sun_path, unix_socket.size());
    listener_ = Listen(reinterpret_cast<sockaddr*>(&address), sizeof address, AF_UNIX);
  }
  acceptor_ = std::thread([this] { Accept(); });
}

BadServer::~BadServer() {
  Stop();
  for (std::thread& client : clients_) client.join();
}

std::string BadServer::Url(const std::string& path) const {
  return fmt::format("http://127.0.0.1:{}{}", port_, path);
}

void BadServer::Put(const std::string& path, Page page) {
  const std::lock_guard lock(mutex_);
  pages_[path] = std::move(page);
}

void BadServer::Release() {
  {
    const std::lock_guard lock(mutex_);
    released_ = true;
  }
  changed_.notify_all();
}

void BadServer::AwaitRequests(const std::string& path, std::size_t count) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return requests_[path].size() >= count; });
}

std::vector<std::string> BadServer::Requests(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = requests_.find(path);
  return found == requests_.end() ? std::vector<std::string>{} : found->second;
}

int BadServer::Bodies(const std::string& path) const {
  const std::lock_guard lock(mutex_);
  const auto found = bodies_.find(path);
  return found == bodies_.end() ? 0 : found->second;
}

void BadServer::Stop() {
  if (stopping_.exchange(true)) return;
  Release();
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
}

void BadServer::Accept() {
  for (;;) {
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const std::lock_guard lock(mutex_);
    clients_.emplace_back([this, client] { Serve(client); });
  }
}

void BadServer::Serve(int client) {
  const std::string head = Receive(client);
  const auto start = head.find(' ') + 1;
  const std::string path = head.substr(start, head.find(' ', start) - start);
  Page page;
  {
    std::unique_lock lock(mutex_);
    requests_[path].push_back(head);
    changed_.notify_all();
    const auto found = pages_.find(path);
    page = found == pages_.end() ? Page{.body = "nothing here", .status = 404} : found->second;
    if (page.held) changed_.wait(lock, [this] { return released_; });
    if (found != pages_.end() && page.cut_after < page.body.size() && found->second.cuts-- <= 0) {
      page.cut_after = SIZE_MAX;
    }
  }
  Answer(client, path, head, page);
  ::close(client);
}

void BadServer::Answer(int client, const std::string& path, const std::string& head,
                       const Page& page) {
  const std::string etag = Find(page.headers, "ETag");
  const std::string modified = Find(page.headers, "Last-Modified");
  std::string more;
  for (const auto& [name, value] : page.headers) more += fmt::format("{}: {}\r\n", name, value);

  const bool same = (!etag.empty() && HeaderOf(head, "If-None-Match") == etag) ||
                    (!modified.empty() && HeaderOf(head, "If-Modified-Since") == modified);
  if (same) return Send(client, "HTTP/1.1 304 Not Modified\r\n" + more + "\r\n");

  int status = page.status;
  std::string_view body = page.body;
  const std::string range = HeaderOf(head, "Range");
  const std::string condition = HeaderOf(head, "If-Range");
  if (page.ranges && range.starts_with("bytes=") && (condition == etag || condition == modified)) {
    const std::size_t offset = std::min(std::stoul(range.substr(6)), body.size());
    more += fmt::format("Content-Range: bytes {}-{}/{}\r\n", offset, body.size() - 1, body.size());
    body.remove_prefix(offset);
    status = 206;
  }
  {
    const std::lock_guard lock(mutex_);
    if (status < 300) ++bodies_[path];
  }
  Send(client, fmt::format("HTTP/1.1 {} Something\r\nContent-Length: {}\r\n{}"
                           "Connection: close\r\n\r\n",
                           status, page.claimed_length.value_or(body.size()), more));
  Send(client, body.substr(0, page.cut_after));
  if (page.stall && page.cut_after < body.size()) {
    while (!stopping_ && !WaitForEnd(client)) {
    }
  }
}

/// True when the client has gone.
bool BadServer::WaitForEnd(int client) const {
  pollfd end = {client, POLLRDHUP, 0};
  return ::poll(&end, 1, 50) > 0;
}

}  // namespace sf::test
