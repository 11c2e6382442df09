// SPDX-License-Identifier: Apache-2.0
#include "node/api/request_head.h"

#include <algorithm>

#include "node/base/number.h"

namespace sf::api {
namespace {

bool IsControl(char c) { return (c >= 0 && c < 0x20) || c == 0x7f; }

bool IsTokenChar(char c) {
  constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         kPunctuation.find(c) != std::string_view::npos;
}

std::string_view Trimmed(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

/// The line at the start of `text`, which is shortened by it and its CRLF.
Result<std::string_view> TakeLine(std::string_view& text) {
  const std::size_t end = text.find("\r\n");
  if (end == std::string_view::npos) return Fail(Code::kInvalid, "the request head is cut off");
  const std::string_view line = text.substr(0, end);
  // A bare CR or LF is a control character too, so a line has one reading only.
  const bool clean =
      std::none_of(line.begin(), line.end(), [](char c) { return IsControl(c) && c != '\t'; });
  if (!clean) return Fail(Code::kInvalid, "the request head holds a control character");
  text.remove_prefix(end + 2);
  return line;
}

Result<std::pair<std::string, std::string>> ParseHeader(std::string_view line) {
  const std::size_t colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || name.empty() ||
      !std::all_of(name.begin(), name.end(), IsTokenChar)) {
    return Fail(Code::kInvalid, "a header line is not of the form 'Name: value'");
  }
  return std::pair(std::string(name), std::string(Trimmed(line.substr(colon + 1))));
}

Result<std::size_t> ParseLength(std::string_view digits) {
  const auto length = ToNumber<std::size_t>(digits);
  if (!length) return Fail(Code::kInvalid, "Content-Length is not a number of bytes");
  return *length;
}

bool ListsToken(std::string_view list, std::string_view token) {
  while (!list.empty()) {
    const std::size_t comma = std::min(list.find(','), list.size());
    if (EqualIgnoringCase(Trimmed(list.substr(0, comma)), token)) return true;
    list.remove_prefix(std::min(comma + 1, list.size()));
  }
  return false;
}

/// Notes in `head` what this header says of the body and the connection.
Result<void> Apply(std::string_view name, std::string_view value, RequestHead& head) {
  if (EqualIgnoringCase(name, "Content-Length")) {
    if (head.content_length) return Fail(Code::kInvalid, "Content-Length is given twice");
    head.content_length = TRY(ParseLength(value));
  } else if (EqualIgnoringCase(name, "Transfer-Encoding")) {
    if (head.chunked || !EqualIgnoringCase(value, "chunked")) {
      return Fail(Code::kInvalid, "the only Transfer-Encoding understood is one 'chunked'");
    }
    head.chunked = true;
  } else if (EqualIgnoringCase(name, "Expect")) {
    if (!EqualIgnoringCase(value, "100-continue")) {
      return Fail(Code::kInvalid, "the only Expect understood is '100-continue'");
    }
    head.expects_continue = true;
  } else if (EqualIgnoringCase(name, "Connection") && ListsToken(value, "close")) {
    head.keep_alive = false;
  }
  return {};
}

}  // namespace

Result<RequestHead> ParseRequestHead(std::string_view text, std::size_t header_limit) {
  RequestHead head;
  head.request_line = TRY(TakeLine(text));
  const bool http_1_0 = head.request_line.ends_with(" HTTP/1.0");
  head.keep_alive = !http_1_0;
  for (;;) {
    const std::string_view line = TRY(TakeLine(text));
    if (line.empty()) break;
    if (head.headers.size() == header_limit) {
      return Fail(Code::kTooLarge, "more than {} headers", header_limit);
    }
    auto header = TRY(ParseHeader(line));
    TRY(Apply(header.first, header.second, head));
    head.headers.push_back(std::move(header));
  }
  if (head.chunked && (head.content_length || http_1_0)) {
    return Fail(Code::kInvalid, "Transfer-Encoding beside Content-Length, or in HTTP/1.0");
  }
  return head;
}

}  // namespace sf::api
