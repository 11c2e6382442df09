// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "node/api/auth.h"
#include "node/api/http_message.h"
#include "node/base/result.h"

namespace sf::api {

/// A request after routing: who sent it, what its path named, its body parsed.
struct Call {
  const Request& request;
  Caller caller;
  std::vector<std::string> names;  ///< the {…} segments of the route, decoded, in order
  nlohmann::json body;             ///< always an object
};

enum class Access { kPublic, kUser, kAdmin };

/// The route table. A pattern is literal segments and {names}; the first route that fits wins.
///
/// Thread: Add() before the server starts, Handle() any.
class Router {
 public:
  using Handler = std::function<Result<Response>(const Call&)>;

  explicit Router(Auth& auth) : auth_(auth) {}

  void Add(std::string_view method, std::string_view pattern, Access access, Handler handler);

  /// The handler's answer, or its error as the contract's JSON.
  Response Handle(const Request& request) const;

 private:
  struct Route {
    std::string method;
    std::vector<std::string> segments;
    Access access;
    Handler handler;
  };

  Result<Response> Dispatch(const Request& request) const;
  Result<Caller> Admit(Access access, const Request& request) const;

  Auth& auth_;
  std::vector<Route> routes_;
};

/// 200 with `body` as JSON.
Response Json(const nlohmann::json& body);

/// The segments of `path`, percent-decoded; empty ones are left out, since a client whose base URL
/// ends in a slash sends two. kInvalid for a broken escape or a control byte.
Result<std::vector<std::string>> SplitPath(std::string_view path);

}  // namespace sf::api
