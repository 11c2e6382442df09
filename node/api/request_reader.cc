// SPDX-License-Identifier: Apache-2.0
#include "node/api/request_reader.h"

#include <algorithm>

#include "node/base/number.h"

namespace sf::api {
namespace {

constexpr std::size_t kHeaderLimit = 100;
constexpr std::size_t kChunkLineLimit = 256;
constexpr int kTrailerLimit = 20;
constexpr std::size_t kPieceLimit = 256 * 1024;  // Of a body that is streamed.

/// The size in "1f;extension". Whoever reads it in another way could smuggle, so nothing is
/// guessed: hexadecimal digits, then the end of the line or a semicolon.
Result<std::size_t> ParseChunkSize(std::string_view line) {
  const std::string_view digits = line.substr(0, line.find(';'));
  const auto size = ToNumber<std::size_t>(digits, 16);
  if (!size) return Fail(Code::kInvalid, "a chunk has no valid size");
  return *size;
}

}  // namespace

Result<RequestHead> RequestReader::ReadHead(std::size_t limit, Deadline deadline) {
  const std::string text = TRY(TakeThrough("\r\n\r\n", limit, deadline));
  return ParseRequestHead(text, kHeaderLimit);
}

Result<std::string> RequestReader::ReadBody(const RequestHead& head, std::size_t limit,
                                            Deadline deadline) {
  if (head.chunked) return ReadChunks(limit, deadline);
  const std::size_t length = head.content_length.value_or(0);
  if (length > limit) {
    return Fail(Code::kTooLarge, "a body of {} bytes; the limit is {}", length, limit);
  }
  return TakeBytes(length, deadline);
}

Result<void> RequestReader::StreamBody(const RequestHead& head, const ByteSink& sink,
                                       std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  if (!head.chunked) return StreamBytes(head.content_length.value_or(0), sink, patience);
  while (const std::size_t size = TRY(TakeChunkSize(Clock::now() + patience))) {
    TRY(StreamBytes(size, sink, patience));
    TRY(TakeChunkEnd(Clock::now() + patience));
  }
  return TakeTrailers(Clock::now() + patience);
}

Result<void> RequestReader::StreamBytes(std::size_t count, const ByteSink& sink,
                                        std::chrono::milliseconds patience) {
  while (count > 0) {
    const std::size_t piece = std::min(count, kPieceLimit);
    TRY(sink(TRY(TakeBytes(piece, std::chrono::steady_clock::now() + patience))));
    count -= piece;
  }
  return {};
}

Result<std::size_t> RequestReader::TakeChunkSize(Deadline deadline) {
  return ParseChunkSize(TRY(TakeLine(kChunkLineLimit, deadline)));
}

Result<void> RequestReader::TakeChunkEnd(Deadline deadline) {
  if (TRY(TakeLine(kChunkLineLimit, deadline)).empty()) return {};
  return Fail(Code::kInvalid, "a chunk is longer than it says");
}

Result<void> RequestReader::TakeTrailers(Deadline deadline) {
  for (int trailers = 0; trailers < kTrailerLimit; ++trailers) {
    if (TRY(TakeLine(kChunkLineLimit, deadline)).empty()) return {};
  }
  return Fail(Code::kTooLarge, "more than {} trailers", kTrailerLimit);
}

Result<std::string> RequestReader::ReadChunks(std::size_t limit, Deadline deadline) {
  std::string body;
  while (const std::size_t size = TRY(TakeChunkSize(deadline))) {
    if (size > limit - body.size()) {
      return Fail(Code::kTooLarge, "a body of more than {} bytes", limit);
    }
    body += TRY(TakeBytes(size, deadline));
    TRY(TakeChunkEnd(deadline));
  }
  TRY(TakeTrailers(deadline));
  return body;
}

Result<std::string> RequestReader::TakeLine(std::size_t limit, Deadline deadline) {
  std::string line = TRY(TakeThrough("\r\n", limit, deadline));
  line.resize(line.size() - 2);
  if (line.find('\n') != std::string::npos) return Fail(Code::kInvalid, "a line ends in a bare LF");
  return line;
}

Result<std::string> RequestReader::TakeBytes(std::size_t count, Deadline deadline) {
  while (buffer_.size() < count) TRY(socket_.Read(buffer_, deadline));
  std::string bytes = buffer_.substr(0, count);
  buffer_.erase(0, count);
  return bytes;
}

Result<std::string> RequestReader::TakeThrough(std::string_view end, std::size_t limit,
                                               Deadline deadline) {
  std::size_t searched = 0;
  for (;;) {
    const std::size_t found = buffer_.find(end, searched);
    const std::size_t length = found == std::string::npos ? buffer_.size() : found + end.size();
    if (length > limit) return Fail(Code::kTooLarge, "more than {} bytes before the end", limit);
    if (found != std::string::npos) return TakeBytes(length, deadline);
    searched = buffer_.size() - std::min(buffer_.size(), end.size() - 1);
    TRY(socket_.Read(buffer_, deadline));
  }
}

}  // namespace sf::api
