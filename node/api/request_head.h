// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "node/api/http_message.h"
#include "node/base/result.h"

namespace sf::api {

/// The request line, the headers, and what they say of where the body ends.
struct RequestHead {
  std::string request_line;
  HttpHeaders headers;
  std::optional<std::size_t> content_length;
  bool chunked = false;
  bool expects_continue = false;
  bool keep_alive = true;

  bool HasBody() const { return chunked || content_length.value_or(0) > 0; }
};

/// Reads `text`, which runs up to and including the empty line. Pure.
///
/// Strict where leniency would let two readers of the same bytes disagree on where a request ends
/// (RFC 9112, sections 6.3 and 11.2, "request smuggling"): a bare CR or LF, a folded line, a blank
/// before the colon, a second Content-Length, one beside a Transfer-Encoding, or one that is not
/// plain digits is kInvalid. More than `header_limit` headers are kTooLarge.
Result<RequestHead> ParseRequestHead(std::string_view text, std::size_t header_limit);

}  // namespace sf::api
