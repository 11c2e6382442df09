// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "node/base/file_descriptor.h"

struct ssl_st;

namespace sf::api {

struct RawAnswer {
  int status = 0;
  std::string head;
  std::string body;

  bool Closes() const { return head.find("\r\nConnection: close\r\n") != std::string::npos; }
  std::string Header(std::string_view name) const;
};

/// A client of the loopback, over TCP or TLS, that sends what it is told, byte for byte, and waits
/// at most ten seconds for anything.
class RawClient {
 public:
  explicit RawClient(int port, bool tls = false);

  /// False when the server has closed.
  bool Send(std::string_view bytes);
  /// We send nothing more.
  void EndSending();
  /// The next whole answer; one of status 0 when the server closed, or was silent.
  RawAnswer Read(bool without_body = false);
  /// True once the server has closed and nothing more was sent by it.
  bool IsClosed();
  /// All bytes until the server closes.
  std::string ReadToEnd();

 private:
  struct Free {
    void operator()(ssl_st* session) const;
  };
  bool Receive();
  /// As recv().
  ssize_t ReceiveInto(char* bytes, std::size_t size);

  FileDescriptor socket_;
  std::unique_ptr<ssl_st, Free> tls_;  // nobody's word is asked for
  std::string buffer_;
};

}  // namespace sf::api
