// SPDX-License-Identifier: Apache-2.0
#include "node/api/forward.h"

#include <nlohmann/json.hpp>
#include <optional>

#include "node/base/netblock.h"

namespace sf::api {
namespace {

constexpr int kUnauthorizedStatus = 401;

/// Of an error's body, or its beginning if it is none of ours.
std::string ErrorText(const std::string& body) {
  const auto answer = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!answer.is_object() || !answer.contains("error")) return body.substr(0, 200);
  return answer["error"].is_string() ? answer["error"].get<std::string>() : answer["error"].dump();
}

Response ToResponse(HttpResponse answer) {
  Response response;
  response.status = answer.head.status;
  response.body = std::move(answer.body);
  response.content_type = answer.head.Header("content-type");
  for (const char* name : {"retry-after", "warning"}) {
    if (std::string value = answer.head.Header(name); !value.empty()) {
      response.headers.emplace_back(name, std::move(value));
    }
  }
  return response;
}

}  // namespace

Result<std::string> ApiUrlOf(const ClusterView& cluster, const NodeId& node) {
  const MemberView* const member = cluster.Find(node);
  if (member == nullptr) {
    return Fail(Code::kUnavailable, "only node {} can answer this, and it is not there", node);
  }
  if (member->state >= gossip::MemberState::kUnreachable) {
    return Fail(Code::kUnavailable, "only node {} can answer this, and it {} {}", node,
                member->state == gossip::MemberState::kLeft ? "has" : "is",
                ToString(member->state));
  }
  if (!member->advert || member->advert->identity.api_port == 0) {
    return Fail(Code::kUnavailable,
                "only node {} can answer this, and it has not said yet where its API is", node);
  }
  const gossip::Identity& identity = member->advert->identity;
  return fmt::format("{}://{}:{}", identity.api_tls ? "https" : "http",
                     ToString(IpAddress{member->address.ip}), identity.api_port);
}

Result<BodyStream> Forward::Stream(const NodeId& node, const Call& call, std::uint64_t bytes) {
  if (!call.caller.via.empty()) {
    return Fail(Code::kUnavailable, "node {} passed this on here, but only node {} can answer it",
                call.caller.via, node);
  }
  HttpDownload download;
  download.url = TRY(ApiUrlOf(*cluster_(), node)) + call.request.target;
  download.headers = {{"Authorization", tokens_.Sign(call.request, call.caller, node,
                                                     std::chrono::system_clock::now())},
                      {"X-Request-ID", call.request.request_id}};
  download.trust.authorities = *authorities_();
  download.redirects = 0;
  download.connect_timeout = kConnectDeadline;
  download.max_bytes = bytes;
  download.through_proxy = false;
  return BodyStream{bytes, [this, node, download](const ByteSink& sink) {
                      return PassThrough(node, download, sink);
                    }};
}

Result<void> Forward::PassThrough(const NodeId& node, const HttpDownload& download,
                                  const ByteSink& sink) {
  if (!free_.Take()) {
    return Fail(Code::kUnavailable, "too many calls wait for other nodes; only node {} has this",
                node);
  }
  std::optional<Error> refusal;
  const auto on_head = [&](const HttpHead& head) {
    const std::string length = head.Header("content-length");
    if (head.status != 200) {
      refusal = Error{Code::kUnavailable, fmt::format("node {} answers {}", node, head.status)};
    } else if (length != std::to_string(download.max_bytes)) {
      refusal =
          Error{Code::kUnavailable,
                fmt::format("node {} has {} bytes, and not the {} that its row says: ask again",
                            node, length, download.max_bytes)};
    }
    return !refusal;
  };
  const auto done = HttpClient().Download(download, on_head, sink);
  free_.GiveBack();
  if (refusal) return tl::unexpected(*refusal);
  if (!done) {
    return Fail(Code::kUnavailable, "node {} does not answer: {}", node, done.error().message);
  }
  return {};
}

Result<Response> Forward::To(const NodeId& node, const Call& call) {
  if (!call.caller.via.empty()) {
    return Fail(Code::kUnavailable, "node {} passed this on here, but only node {} can answer it",
                call.caller.via, node);
  }
  const Request& request = call.request;
  const std::string url = TRY(ApiUrlOf(*cluster_(), node));
  HttpRequest onward = {
      .method = request.method,
      .url = url + request.target,
      .headers = {{"Authorization",
                   tokens_.Sign(request, call.caller, node, std::chrono::system_clock::now())},
                  {"Content-Type", "application/json"},
                  {"X-Request-ID", request.request_id}},
      .body = request.body,
      .trust = {.authorities = *authorities_()},
      .connect_timeout = kConnectDeadline,
      .timeout = kDeadline,
      .max_body = kMaxReply};
  if (!free_.Take()) {
    return Fail(Code::kUnavailable,
                "too many calls wait for other nodes; only node {} can answer"
                " this one",
                node);
  }
  auto answer = HttpClient().Request(onward);
  free_.GiveBack();
  if (!answer) {
    return Fail(Code::kUnavailable, "node {} does not answer: {}", node, answer.error().message);
  }
  // To the caller a 401 would mean that they have to log in again, which helps nobody here.
  if (answer->head.status == kUnauthorizedStatus) {
    return Fail(Code::kUnavailable, "node {} does not take the word of this one: {}", node,
                ErrorText(answer->body));
  }
  return ToResponse(*std::move(answer));
}

}  // namespace sf::api
