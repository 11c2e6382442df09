// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sf::api {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

/// One request, read whole: the body of a GET as well.
struct Request {
  std::string method;  ///< HEAD arrives as GET; its answer is sent without the body.
  std::string path;    ///< Up to the '?', still percent-encoded: the router decodes each segment.
  std::map<std::string, std::string> query;  ///< Decoded; of a repeated name the first counts.
  HttpHeaders headers;
  std::string body;
  std::string remote_address;
  std::string request_id;  ///< From X-Request-ID if that is sane, else made here.

  /// The first header called `name`, in any case; empty if there is none.
  std::string_view Header(std::string_view name) const;
};

struct Response {
  int status = 200;
  std::string body = {};
  std::string content_type = "application/json";
  HttpHeaders headers = {};
};

using HttpHandler = std::function<Response(const Request&)>;

/// {"error": message, "status": status}, the shape of every error that leaves this API.
Response ErrorResponse(int status, std::string_view message);

/// Compares as HTTP compares names: ASCII letters in any case.
bool EqualIgnoringCase(std::string_view a, std::string_view b);

}  // namespace sf::api
