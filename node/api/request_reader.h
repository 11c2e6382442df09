// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "node/api/request_head.h"
#include "node/api/socket.h"
#include "node/base/result.h"

namespace sf::api {

/// Takes one request after another off a connection: the head, then exactly the bytes of its body,
/// whatever the method (clients of this API send JSON with GET and DELETE, which httplib does not
/// read). After a failure nobody knows where the next request would begin, so the connection has to
/// end with it.
///
/// Thread: as the socket's.
class RequestReader {
 public:
  explicit RequestReader(Socket& socket) : socket_(socket) {}

  Result<RequestHead> ReadHead(std::size_t limit, Deadline deadline);
  Result<std::string> ReadBody(const RequestHead& head, std::size_t limit, Deadline deadline);
  /// Hands over the body, of any size, in pieces; the next has to be there within `patience`.
  Result<void> StreamBody(const RequestHead& head, const ByteSink& sink,
                          std::chrono::milliseconds patience);

  /// Bytes of the next request have come in with the last one.
  bool HasBuffered() const { return !buffer_.empty(); }

 private:
  Result<void> StreamBytes(std::size_t count, const ByteSink& sink,
                           std::chrono::milliseconds patience);
  /// The size of the chunk that begins here; 0 for the last.
  Result<std::size_t> TakeChunkSize(Deadline deadline);
  Result<void> TakeChunkEnd(Deadline deadline);
  Result<void> TakeTrailers(Deadline deadline);
  Result<std::string> ReadChunks(std::size_t limit, Deadline deadline);
  /// Up to CRLF, which is dropped.
  Result<std::string> TakeLine(std::size_t limit, Deadline deadline);
  Result<std::string> TakeBytes(std::size_t count, Deadline deadline);
  /// Takes `end` and all before it; kTooLarge if it is not within the next `limit` bytes.
  Result<std::string> TakeThrough(std::string_view end, std::size_t limit, Deadline deadline);

  Socket& socket_;
  std::string buffer_;  // What came in and was not taken yet.
};

}  // namespace sf::api
