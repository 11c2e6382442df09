// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "node/api/auth.h"
#include "node/api/http_message.h"
#include "node/api/node_token.h"
#include "node/base/metrics.h"
#include "node/base/result.h"
#include "node/store/current_picture.h"

namespace sf::api {

/// A request after routing: who sent it, what its path named, its body parsed.
struct Call {
  const Request& request;
  Caller caller;
  std::vector<std::string> names;  ///< the {…} segments of the route, decoded, in order
  nlohmann::json body;             ///< always an object
  store::Reading rows;             ///< what a read is answered from; see ListRows()
};

/// Hints to that node's reconciler that rows of its own have changed. Waits for nobody.
using Wake = std::function<void(const NodeId&)>;

enum class Access { kPublic, kUser, kAdmin };

/// One line of the route table.
struct Route {
  std::string method;
  std::string pattern;  ///< literal segments and {names}
  Access access;
};

/// The route table. The first route that fits wins.
///
/// Thread: Add() before the server starts, Handle() any.
class Router {
 public:
  using Handler = std::function<Result<Response>(const Call&)>;

  Router(Auth& auth, NodeTokens& node_tokens, store::CurrentPicture& rows, Metrics& metrics);

  void Add(std::string_view method, std::string_view pattern, Access access, Handler handler);
  /// Likewise, for a body that is bytes and no JSON: the handler takes it from the request, where
  /// it may still be on its way. It changes no rows that are in the picture.
  void AddRaw(std::string_view method, std::string_view pattern, Access access, Handler handler);

  /// The handler's answer, or its error as the contract's JSON.
  Response Handle(const Request& request) const;

  /// The table, for whoever describes it.
  std::vector<Route> routes() const;

 private:
  struct Entry {
    Route route;
    std::vector<std::string> segments;
    Handler handler;
    bool raw = false;
  };

  /// `entry` becomes one whose path fits, and its method if any does.
  Result<Response> Dispatch(const Request& request, const Entry*& entry) const;
  static Response Refuse(const Request& request, const Error& error);
  void NoteAnswer(const Entry* entry, const Request& request, int status,
                  std::chrono::nanoseconds took) const;
  Result<Caller> Admit(Access access, const Request& request) const;

  Auth& auth_;
  NodeTokens& node_tokens_;
  store::CurrentPicture& rows_;
  std::vector<Entry> entries_;
  mutable ByLabels<Count> answers_;
  mutable ByLabels<Durations> took_;
};

/// `body` as it is sent.
std::string ToText(const nlohmann::json& body);
/// 200 with that.
Response Json(const nlohmann::json& body);

/// The segments of `path`, percent-decoded; empty ones are left out, since a client whose base URL
/// ends in a slash sends two. kInvalid for a broken escape or a control byte.
Result<std::vector<std::string>> SplitPath(std::string_view path);

}  // namespace sf::api
