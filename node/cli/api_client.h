// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "node/base/http_client.h"
#include "node/cli/settings.h"

namespace sf::cli {

/// One user's calls to the API. The token lives in memory only; one that is refused is replaced
/// once. Failures carry the server's own words, and as code kNotFound, kUnauthorized, kNotReady
/// (406), kUnavailable (no answer, or 502 to 504), or else kConflict: refused.
///
/// Thread: any one (blocks).
class ApiClient {
 public:
  explicit ApiClient(Settings settings) : settings_(std::move(settings)) {}

  /// The body of a 200, as it came. A null `body` sends none. The server's "too early" (406) is
  /// asked again until patience ends.
  Result<std::string> Call(std::string_view method, std::string_view path,
                           const nlohmann::json& body = nullptr);
  /// As Call, for answers that are JSON.
  Result<nlohmann::json> Ask(std::string_view method, std::string_view path,
                             const nlohmann::json& body = nullptr);

  /// POSTs bytes as they are.
  Result<std::string> Give(std::string_view path, std::string bytes);
  /// GETs bytes of any length, piece by piece.
  Result<void> Fetch(std::string_view path, const HttpClient::Sink& sink);

  std::chrono::seconds patience() const { return settings_.patience; }

 private:
  /// A body that is sent; without a type, none is.
  struct Content {
    std::string type;
    std::string bytes;
  };
  static Content ToContent(const nlohmann::json& body);

  Result<HttpResponse> Send(std::string_view method, std::string_view path, const Content& content);
  Result<std::string> CallOnce(std::string_view method, std::string_view path,
                               const Content& content);
  Result<void> LogIn();

  const Settings settings_;
  HttpClient http_;
  std::string token_;
};

/// JSON as the API wants it; what is not UTF-8 is replaced.
std::string ToText(const nlohmann::json& value);

/// The text at `key` of an object; empty if there is none. Answers come from a stranger, too.
std::string TextAt(const nlohmann::json& object, const char* key);

}  // namespace sf::cli
