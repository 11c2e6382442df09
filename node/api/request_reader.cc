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

Result<std::optional<RequestHead>> RequestReader::ReadHead(std::size_t limit) {
  const auto text = TRY(TakeThrough("\r\n\r\n", limit));
  if (!text) return std::optional<RequestHead>();
  return std::optional(TRY(ParseRequestHead(*text, kHeaderLimit)));
}

Result<void> RequestReader::BeginBody(const RequestHead& head, std::size_t limit) {
  left_ = head.content_length.value_or(0);
  if (left_ > limit) {
    return Fail(Code::kTooLarge, "a body of {} bytes; the limit is {}", left_, limit);
  }
  chunked_ = head.chunked;
  part_ = chunked_ ? Part::kChunkSize : Part::kBytes;
  allowed_ = limit;
  trailers_ = 0;
  return {};
}

Result<bool> RequestReader::ReadBody(std::string& body, std::size_t most) {
  while (part_ != Part::kEnd) {
    const bool full = part_ == Part::kBytes && left_ > 0 && body.size() >= most;
    if (full || !TRY(ReadPart(body, most))) return false;
  }
  return true;
}

Result<bool> RequestReader::ReadPart(std::string& body, std::size_t most) {
  if (part_ != Part::kBytes) {
    const auto line = TRY(TakeLine(kChunkLineLimit));
    if (!line) return false;
    return ReadLine(*line);
  }
  if (left_ == 0) {
    part_ = chunked_ ? Part::kChunkEnd : Part::kEnd;
    return true;
  }
  if (buffer_.empty() && !TRY(socket_.Read(buffer_))) return false;
  const std::size_t count = std::min({left_, buffer_.size(), most - body.size()});
  body += Take(count);
  left_ -= count;
  return true;
}

Result<bool> RequestReader::ReadLine(const std::string& line) {
  if (part_ == Part::kChunkSize) {
    left_ = TRY(ParseChunkSize(line));
    if (left_ > allowed_) return Fail(Code::kTooLarge, "a body of more bytes than are taken");
    allowed_ -= left_;
    part_ = left_ > 0 ? Part::kBytes : Part::kTrailers;
  } else if (part_ == Part::kChunkEnd) {
    if (!line.empty()) return Fail(Code::kInvalid, "a chunk is longer than it says");
    part_ = Part::kChunkSize;
  } else if (line.empty()) {
    part_ = Part::kEnd;
  } else if (++trailers_ > kTrailerLimit) {
    return Fail(Code::kTooLarge, "more than {} trailers", kTrailerLimit);
  }
  return true;
}

Result<void> RequestReader::StreamBody(const ByteSink& sink, std::chrono::milliseconds patience) {
  for (bool whole = false; !whole;) {
    const Deadline deadline = std::chrono::steady_clock::now() + patience;
    std::string piece;
    while (!whole && piece.size() < kPieceLimit) {
      whole = TRY(ReadBody(piece, kPieceLimit));
      if (!whole && piece.size() < kPieceLimit) TRY(socket_.AwaitInput(deadline));
    }
    if (!piece.empty()) TRY(sink(piece));
  }
  return {};
}

Result<std::optional<std::string>> RequestReader::TakeLine(std::size_t limit) {
  auto line = TRY(TakeThrough("\r\n", limit));
  if (!line) return line;
  line->resize(line->size() - 2);
  if (line->find('\n') != std::string::npos) {
    return Fail(Code::kInvalid, "a line ends in a bare LF");
  }
  return line;
}

Result<std::optional<std::string>> RequestReader::TakeThrough(std::string_view end,
                                                              std::size_t limit) {
  for (;;) {
    const std::size_t found = buffer_.find(end, searched_);
    const std::size_t length = found == std::string::npos ? buffer_.size() : found + end.size();
    if (length > limit) return Fail(Code::kTooLarge, "more than {} bytes before the end", limit);
    if (found != std::string::npos) return std::optional(Take(length));
    searched_ = buffer_.size() - std::min(buffer_.size(), end.size() - 1);
    if (!TRY(socket_.Read(buffer_))) return std::optional<std::string>();
  }
}

std::string RequestReader::Take(std::size_t count) {
  std::string bytes = buffer_.substr(0, count);
  buffer_.erase(0, count);
  if (buffer_.empty()) buffer_.shrink_to_fit();  // A connection that waits keeps nothing.
  searched_ = 0;
  return bytes;
}

}  // namespace sf::api
