// SPDX-License-Identifier: Apache-2.0
#include "node/api/request_reader.h"

#include <algorithm>
#include <charconv>

namespace sf::api {
namespace {

constexpr std::size_t kHeaderLimit = 100;
constexpr std::size_t kChunkLineLimit = 256;
constexpr int kTrailerLimit = 20;

/// The size in "1f;extension". Whoever reads it in another way could smuggle, so nothing is
/// guessed: hexadecimal digits, then the end of the line or a semicolon.
Result<std::size_t> ParseChunkSize(std::string_view line) {
  const std::string_view digits = line.substr(0, line.find(';'));
  std::size_t size = 0;
  const char* const end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, size, 16);
  if (error != std::errc() || stop != end) return Fail(Code::kInvalid, "a chunk has no valid size");
  return size;
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

Result<std::string> RequestReader::ReadChunks(std::size_t limit, Deadline deadline) {
  std::string body;
  for (;;) {
    const std::string size_line = TRY(TakeLine(kChunkLineLimit, deadline));
    const std::size_t size = TRY(ParseChunkSize(size_line));
    if (size == 0) break;
    if (size > limit - body.size()) {
      return Fail(Code::kTooLarge, "a body of more than {} bytes", limit);
    }
    body += TRY(TakeBytes(size, deadline));
    if (!TRY(TakeLine(kChunkLineLimit, deadline)).empty()) {
      return Fail(Code::kInvalid, "a chunk is longer than it says");
    }
  }
  for (int trailers = 0; trailers < kTrailerLimit; ++trailers) {
    if (TRY(TakeLine(kChunkLineLimit, deadline)).empty()) return body;
  }
  return Fail(Code::kTooLarge, "more than {} trailers", kTrailerLimit);
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
