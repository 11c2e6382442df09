// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
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
/// It takes what is here and waits for nobody, StreamBody() excepted: a client may take its time
/// between any two bytes, and holds no thread meanwhile.
///
/// Thread: as the socket's.
class RequestReader {
 public:
  explicit RequestReader(Socket& socket) : socket_(socket) {}

  /// The next head; nothing while more of it has to come first.
  Result<std::optional<RequestHead>> ReadHead(std::size_t limit);

  /// What comes next is the body that `head` announces, of at most `limit` bytes.
  Result<void> BeginBody(const RequestHead& head, std::size_t limit);
  /// Appends what is here of it to `body`, until that has `most` bytes. True at the end of it.
  Result<bool> ReadBody(std::string& body, std::size_t most);
  /// Hands over the body in pieces; the next has to be there within `patience`.
  Result<void> StreamBody(const ByteSink& sink, std::chrono::milliseconds patience);

  /// Bytes of what comes next are here already.
  bool HasBuffered() const { return !buffer_.empty(); }
  std::size_t buffered() const { return buffer_.capacity(); }

 private:
  enum class Part { kBytes, kChunkSize, kChunkEnd, kTrailers, kEnd };

  /// Each goes on by one part, or a piece of one; false while more has to come first.
  Result<bool> ReadPart(std::string& body, std::size_t most);
  Result<bool> ReadLine(const std::string& line);
  /// Up to CRLF, which is dropped.
  Result<std::optional<std::string>> TakeLine(std::size_t limit);
  /// Takes `end` and all before it; kTooLarge if it is not within the next `limit` bytes.
  Result<std::optional<std::string>> TakeThrough(std::string_view end, std::size_t limit);
  std::string Take(std::size_t count);

  Socket& socket_;
  std::string buffer_;  // What came in and was not taken yet.
  std::size_t searched_ = 0;

  // Of the body.
  Part part_ = Part::kEnd;
  bool chunked_ = false;
  std::size_t left_ = 0;     // of the chunk, or of all
  std::size_t allowed_ = 0;  // more, in chunks to come
  int trailers_ = 0;
};

}  // namespace sf::api
