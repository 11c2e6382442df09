// SPDX-License-Identifier: Apache-2.0
#include "tests/node/api/raw_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>

namespace sf::api {

std::string RawAnswer::Header(std::string_view name) const {
  const std::string start = "\r\n" + std::string(name) + ": ";
  const std::size_t at = head.find(start);
  if (at == std::string::npos) return {};
  const std::size_t value = at + start.size();
  return head.substr(value, head.find("\r\n", value) - value);
}

void RawClient::Free::operator()(ssl_st* session) const { SSL_free(session); }

RawClient::RawClient(int port, bool tls)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval limit{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  if (!tls) return;
  static SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  tls_.reset(SSL_new(context));
  SSL_set_fd(tls_.get(), socket_.get());
  REQUIRE(SSL_connect(tls_.get()) == 1);
}

bool RawClient::Send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = tls_ ? SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()))
                              : ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void RawClient::EndSending() {
  if (tls_) SSL_shutdown(tls_.get());
  ::shutdown(socket_.get(), SHUT_WR);
}

RawAnswer RawClient::Read(bool without_body) {
  std::size_t end;
  while ((end = buffer_.find("\r\n\r\n")) == std::string::npos) {
    if (!Receive()) return {};
  }
  RawAnswer answer;
  answer.head = buffer_.substr(0, end + 4);
  answer.status = std::stoi(answer.head.substr(9, 3));
  buffer_.erase(0, end + 4);
  const std::string length = answer.Header("Content-Length");
  const std::size_t size = without_body || length.empty() ? 0 : std::stoul(length);
  while (buffer_.size() < size) {
    if (!Receive()) return {};
  }
  answer.body = buffer_.substr(0, size);
  buffer_.erase(0, size);
  return answer;
}

bool RawClient::IsClosed() {
  if (!buffer_.empty()) return false;
  char byte;
  // A reset is as good as an end: the server was not there any more for what we sent last.
  const ssize_t count = ReceiveInto(&byte, 1);
  return count == 0 || (count < 0 && errno == ECONNRESET);
}

std::string RawClient::ReadToEnd() {
  while (Receive()) {
  }
  return std::move(buffer_);
}

bool RawClient::Receive() {
  std::array<char, 65536> bytes;
  const ssize_t count = ReceiveInto(bytes.data(), bytes.size());
  if (count <= 0) return false;
  buffer_.append(bytes.data(), static_cast<std::size_t>(count));
  return true;
}

ssize_t RawClient::ReceiveInto(char* bytes, std::size_t size) {
  return tls_ ? SSL_read(tls_.get(), bytes, static_cast<int>(size))
              : ::recv(socket_.get(), bytes, size, 0);
}

}  // namespace sf::api
