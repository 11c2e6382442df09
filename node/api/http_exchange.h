// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "node/api/http_message.h"

namespace sf::api {

struct HttpReply {
  std::string bytes;  ///< Status line, headers and body, as they go on the wire.
  bool keep_alive = false;
  std::optional<BodyStream> stream = {};  ///< Follows `bytes`.
};

/// Answers `request`, of which the reader has filled in headers, body and remote address, by
/// `handler`. The request line makes up the rest; if it makes no sense the answer is a 400, and the
/// handler is not called.
///
/// The one door to cpp-httplib, which sees the request line and the response and nothing else. Its
/// own way with the remainder is not for strangers: it skips header lines that it does not
/// understand, percent-decodes the values of the others, runs std::regex over Range, leaves the
/// body of a GET to be taken for the next request, and lets a kept-alive connection hold a thread.
HttpReply Answer(const std::string& request_line, Request request, bool keep_alive,
                 const HttpHandler& handler);

}  // namespace sf::api
