// SPDX-License-Identifier: Apache-2.0
#include "node/cli/api_client.h"

#include <limits>
#include <thread>

namespace sf::cli {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr std::size_t kMaxAnswer = std::size_t{256} << 20;
constexpr std::size_t kMaxRefusal = 64 * 1024;
constexpr std::size_t kMaxQuoted = 200;  // Of an answer that is not in the API's shape.
constexpr auto kTooEarlyInterval = 1s;

Code ToCode(int status) {
  switch (status) {
    case 401: return Code::kUnauthorized;
    case 404: return Code::kNotFound;
    case 406: return Code::kNotReady;
    case 502:
    case 503:
    case 504: return Code::kUnavailable;
    default: return Code::kConflict;
  }
}

/// The server's own text; who answers in another shape is quoted, and named by its status.
tl::unexpected<Error> Refusal(const std::string& url, const HttpResponse& response) {
  const int status = response.head.status;
  const json body = json::parse(response.body, nullptr, false);
  if (body.is_object() && body.contains("error")) {
    const json& error = body["error"];
    return Fail(ToCode(status), "{}", error.is_string() ? error.get<std::string>() : ToText(error));
  }
  if (const std::string target = response.head.Header("location"); !target.empty()) {
    return Fail(Code::kUnavailable, "{} answers {}, see {}: give that as the API URL", url, status,
                target);
  }
  return Fail(ToCode(status), "{} answers {}: {}", url, status,
              response.body.substr(0, kMaxQuoted));
}

}  // namespace

std::string ToText(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string TextAt(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto found = object.find(key);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Result<std::string> ApiClient::Call(std::string_view method, std::string_view path,
                                    const json& body) {
  const auto deadline = std::chrono::steady_clock::now() + settings_.patience;
  while (true) {
    Result<std::string> answer = CallOnce(method, path, ToContent(body));
    if (answer || answer.error().code != Code::kNotReady ||
        std::chrono::steady_clock::now() >= deadline) {
      return answer;
    }
    std::this_thread::sleep_for(kTooEarlyInterval);
  }
}

Result<json> ApiClient::Ask(std::string_view method, std::string_view path, const json& body) {
  json answer = json::parse(TRY(Call(method, path, body)), nullptr, false);
  if (answer.is_discarded()) {
    return Fail(Code::kUnavailable, "{}{} does not answer in JSON", settings_.url, path);
  }
  return answer;
}

ApiClient::Content ApiClient::ToContent(const json& body) {
  return body.is_null() ? Content() : Content{"application/json", ToText(body)};
}

Result<std::string> ApiClient::Give(std::string_view path, std::string bytes) {
  return CallOnce("POST", path, {"application/octet-stream", std::move(bytes)});
}

Result<void> ApiClient::Fetch(std::string_view path, const HttpClient::Sink& sink) {
  if (token_.empty()) TRY(LogIn());
  HttpDownload download;
  download.url = settings_.url + std::string(path);
  download.headers = {{"Authorization", "Bearer " + token_}};
  download.redirects = 0;
  download.max_bytes = std::numeric_limits<std::uint64_t>::max();
  download.through_proxy = false;
  download.trust = {.authorities = settings_.authorities, .also_system = true};
  HttpResponse refused;
  const auto read = [&](std::string_view bytes) -> Result<void> {
    if (refused.head.status == 200) return sink(bytes);
    if (refused.body.size() < kMaxRefusal) refused.body += bytes;
    return {};
  };
  auto done = http_.Download(
      download,
      [&refused](const HttpHead& head) {
        refused.head = head;
        return true;
      },
      read);
  if (refused.head.status != 0 && refused.head.status != 200) {
    return Refusal(settings_.url, refused);
  }
  if (!done) return tl::unexpected(std::move(done).error());
  return {};
}

Result<std::string> ApiClient::CallOnce(std::string_view method, std::string_view path,
                                        const Content& content) {
  const bool fresh = token_.empty();
  if (fresh) TRY(LogIn());
  HttpResponse response = TRY(Send(method, path, content));
  // A token lasts 15 minutes; waiting may take longer. What is refused although the token is new
  // is refused for another reason, but the API says 401 to that as well, so it is tried once more
  // only with a token that was not made for this very call.
  if (response.head.status == 401 && !fresh) {
    TRY(LogIn());
    response = TRY(Send(method, path, content));
  }
  if (response.head.status != 200) return Refusal(settings_.url, response);
  return std::move(response.body);
}

Result<void> ApiClient::LogIn() {
  token_.clear();
  const HttpResponse response = TRY(Send(
      "POST", "/auth", ToContent({{"namespace", settings_.name_space}, {"key", settings_.key}})));
  if (response.head.status != 200) {
    auto refusal = Refusal(settings_.url, response);
    // A namespace that is not there is as good a reason not to be let in as a wrong key.
    if (response.head.status == 404 || response.head.status == 400) {
      refusal.value().code = Code::kUnauthorized;
    }
    return refusal;
  }
  const json answer = json::parse(response.body, nullptr, false);
  token_ = TextAt(answer, "access_token");
  if (token_.empty()) {
    return Fail(Code::kUnavailable, "{} is not a Shaken Fist API: /auth gives no token",
                settings_.url);
  }
  return {};
}

Result<HttpResponse> ApiClient::Send(std::string_view method, std::string_view path,
                                     const Content& content) {
  HttpRequest request{.method = std::string(method),
                      .url = settings_.url + std::string(path),
                      .headers = {{"Accept", "application/json"}},
                      .trust = {.authorities = settings_.authorities, .also_system = true},
                      .timeout = settings_.timeout,
                      .max_body = kMaxAnswer};
  if (!token_.empty()) request.headers["Authorization"] = "Bearer " + token_;
  if (!content.type.empty()) {
    request.headers["Content-Type"] = content.type;
    request.body = content.bytes;
  }
  Result<HttpResponse> response = http_.Request(request);
  if (!response) response.error().code = Code::kUnavailable;
  return response;
}

}  // namespace sf::cli
