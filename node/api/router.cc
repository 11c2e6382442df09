// SPDX-License-Identifier: Apache-2.0
#include "node/api/router.h"

#include <fmt/chrono.h>

#include <algorithm>
#include <ctime>
#include <optional>
#include <utility>

#include "node/api/body.h"
#include "node/api/rows.h"
#include "node/api/status.h"
#include "node/base/log.h"

namespace sf::api {
namespace {

using nlohmann::json;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> Decode(std::string_view segment) {
  std::string text;
  text.reserve(segment.size());
  for (std::size_t i = 0; i < segment.size(); ++i) {
    char c = segment[i];
    if (c == '%') {
      const int high = i + 2 < segment.size() ? HexDigit(segment[i + 1]) : -1;
      const int low = i + 2 < segment.size() ? HexDigit(segment[i + 2]) : -1;
      if (high < 0 || low < 0) return Fail(Code::kInvalid, "the path has a broken %-escape");
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
      return Fail(Code::kInvalid, "the path has a control character");
    }
    text += c;
  }
  return text;
}

bool IsCapture(const std::string& segment) { return segment.starts_with('{'); }

/// The {names} of `pattern` in `path`, or nothing if it does not fit.
std::optional<std::vector<std::string>> Match(const std::vector<std::string>& pattern,
                                              const std::vector<std::string>& path) {
  if (pattern.size() != path.size()) return std::nullopt;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (IsCapture(pattern[i])) {
      names.push_back(path[i]);
    } else if (pattern[i] != path[i]) {
      return std::nullopt;
    }
  }
  return names;
}

}  // namespace

Result<std::vector<std::string>> SplitPath(std::string_view path) {
  std::vector<std::string> segments;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end > 0) segments.push_back(TRY(Decode(path.substr(0, end))));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return segments;
}

Router::Router(Auth& auth, NodeTokens& node_tokens, store::CurrentPicture& rows, Metrics& metrics)
    : auth_(auth), node_tokens_(node_tokens), rows_(rows) {
  metrics.Counter("shakenfist_api_requests_total",
                  "Calls, by the route that fits; one that is passed on counts at both nodes.",
                  answers_);
  metrics.Histogram("shakenfist_api_request_seconds",
                    "Time that each call took, until its answer began to be sent.", took_);
}

void Router::Add(std::string_view method, std::string_view pattern, Access access,
                 Handler handler) {
  entries_.push_back({{std::string(method), std::string(pattern), access},
                      *SplitPath(pattern),
                      std::move(handler)});
}

void Router::AddRaw(std::string_view method, std::string_view pattern, Access access,
                    Handler handler) {
  Add(method, pattern, access, std::move(handler));
  entries_.back().raw = true;
}

std::vector<Route> Router::routes() const {
  std::vector<Route> routes;
  for (const Entry& entry : entries_) routes.push_back(entry.route);
  return routes;
}

Response Router::Handle(const Request& request) const {
  const auto begun = std::chrono::steady_clock::now();
  const Entry* entry = nullptr;
  Result<Response> result = Dispatch(request, entry);
  Response response = result ? *std::move(result)  // Some are megabytes.
                             : Refuse(request, result.error());
  NoteAnswer(entry, request, response.status, std::chrono::steady_clock::now() - begun);
  return response;
}

// What labels say is of the table: what strangers send would be a series for each of them.
void Router::NoteAnswer(const Entry* entry, const Request& request, int status,
                        std::chrono::nanoseconds took) const {
  const std::string route = entry == nullptr ? "unknown" : entry->route.pattern;
  const bool fits = entry != nullptr && entry->route.method == request.method;
  const std::string method = fits ? request.method : "other";
  ++answers_[{{"method", method}, {"route", route}, {"status", std::to_string(status)}}];
  took_[{{"method", method}, {"route", route}}].Observe(took);
}

Response Router::Refuse(const Request& request, const Error& error) {
  const int status = ToStatus(error.code);
  if (status == 500) {
    log::Error("request failed method={} path={} error={}", request.method, request.path,
               error.message);
  }
  Response failure = ErrorResponse(status, error.message);
  if (error.code == Code::kUnavailable) failure.headers.emplace_back("Retry-After", "5");
  if (error.code == Code::kUnauthorized) failure.headers.emplace_back("WWW-Authenticate", "Bearer");
  return failure;
}

Result<Response> Router::Dispatch(const Request& request, const Entry*& entry) const {
  const std::vector<std::string> path = TRY(SplitPath(request.path));
  for (const Entry& each : entries_) {
    const auto& [route, segments, handler, raw] = each;
    auto names = Match(segments, path);
    if (!names) continue;
    entry = &each;
    if (route.method != request.method) continue;
    // Who asks is settled before what they sent is looked at.
    Caller caller = TRY(Admit(route.access, request));
    json body = TRY(ParseBody(raw ? std::string_view() : request.body));
    if (route.method == "GET") body = WithQuery(request.query, body);
    Call call{request, std::move(caller), *std::move(names), std::move(body), {}};
    if (route.access == Access::kPublic || raw) return handler(call);
    if (request.method == "GET") {
      call.rows = rows_.Read();
      return handler(call);
    }
    Result<Response> response = handler(call);
    rows_.NoteChange();  // Also after a failure: a part of it may have been done.
    return response;
  }
  if (entry != nullptr) {
    return ErrorResponse(405, fmt::format("{} is not possible here", request.method));
  }
  return Fail(Code::kNotFound, "path not found");
}

Result<Caller> Router::Admit(Access access, const Request& request) const {
  if (access == Access::kPublic) return Caller{};
  Caller caller =
      TRY(NodeTokens::IsIn(request) ? node_tokens_.Verify(request, std::chrono::system_clock::now())
                                    : auth_.Authenticate(request.Header("Authorization")));
  const auto picture = rows_.Read().picture;
  if (const auto trust = picture->trusted_by.find(caller.name_space);
      trust != picture->trusted_by.end()) {
    caller.trusted_by = trust->second;
  }
  // 401 and not 403: that is what clients of the contract expect here.
  if (access == Access::kAdmin && !caller.IsAdmin()) {
    return Fail(Code::kUnauthorized, "only the namespace system may do this");
  }
  return caller;
}

// Strings that are not UTF-8 cannot come in through the API; what libraries report might not be.
std::string ToText(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

Response Json(const json& body) { return {.body = ToText(body)}; }

Response FromRows(const Call& call, const json& body) { return FromRows(call, ToText(body)); }

Response FromRows(const Call& call, std::string body) {
  Response response{.body = std::move(body)};
  if (call.rows.stale) {
    const auto as_of = fmt::gmtime(static_cast<std::time_t>(call.rows.picture->as_of));
    response.headers.emplace_back(
        "Warning", fmt::format("110 shakenfist \"Response is Stale: the database does not answer;"
                               " as of {:%Y-%m-%dT%H:%M:%SZ}\"",
                               as_of));
  }
  return response;
}

}  // namespace sf::api
