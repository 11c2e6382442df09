// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "node/base/result.h"

namespace sf::api {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// Takes the bytes of a body, piece by piece; its error ends them.
using ByteSink = std::function<Result<void>(std::string_view)>;

/// One request, read whole, the body of a GET as well; but for an upload, see read_body.
struct Request {
  std::string method;  ///< HEAD arrives as GET; its answer is sent without the body.
  std::string path;    ///< Up to the '?', still percent-encoded: the router decodes each segment.
  std::map<std::string, std::string> query;  ///< Decoded; of a repeated name the first counts.
  std::string target;                        ///< Path and query as they came, to be passed on.
  HttpHeaders headers;
  std::string body;
  /// Set when the body is still on its way and may be of any size; `body` is then empty. Hands all
  /// of it to the sink. Whoever does not call it ends the connection with the answer.
  std::function<Result<void>(const ByteSink&)> read_body;
  std::string remote_address;
  std::string request_id;  ///< From X-Request-ID if that is sane, else made here.

  /// The first header called `name`, in any case; empty if there is none.
  std::string_view Header(std::string_view name) const;
};

/// A body that is never held whole.
struct BodyStream {
  std::uint64_t bytes = 0;
  /// Gives exactly `bytes` to the sink. An error before the first of them is answered as such;
  /// after it, all that can be done is to end the connection, and the client sees too little come.
  std::function<Result<void>(const ByteSink&)> write;
};

struct Response {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  HttpHeaders headers = {};
  std::optional<BodyStream> stream = {};  ///< instead of `body`
};

using HttpHandler = std::function<Response(const Request&)>;

/// {"error": message, "status": status}, the shape of every error that leaves this API.
Response ErrorResponse(int status, std::string_view message);

/// Compares as HTTP compares names: ASCII letters in any case.
bool EqualIgnoringCase(std::string_view a, std::string_view b);

}  // namespace sf::api
