// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "node/base/file_descriptor.h"

namespace sf::api {

struct RawAnswer {
  int status = 0;
  std::string head;
  std::string body;

  bool Closes() const { return head.find("\r\nConnection: close\r\n") != std::string::npos; }
  std::string Header(std::string_view name) const;
};

/// A TCP client of the loopback that sends what it is told, byte for byte, and waits at most ten
/// seconds for anything.
class RawClient {
 public:
  explicit RawClient(int port);

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
  bool Receive();

  FileDescriptor socket_;
  std::string buffer_;
};

}  // namespace sf::api
