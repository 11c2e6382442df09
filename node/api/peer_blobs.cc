// SPDX-License-Identifier: Apache-2.0
#include "node/api/peer_blobs.h"

#include <chrono>
#include <optional>
#include <string>

#include "node/api/status.h"
#include "node/base/http_client.h"
#include "node/model/namespace.h"

namespace sf::api {
namespace {

// Whoever has the file has it on its disk: it begins at once, or is not worth waiting for.
constexpr std::chrono::seconds kStallTimeout{10};

constexpr int kOkStatus = 200;

}  // namespace

bool IsPeer(const Caller& caller) {
  return caller.IsAdmin() && caller.key_name.empty() && !caller.via.empty();
}

bool PeerBlobs::CanReach(const NodeId& node) const {
  return node != self_ && ApiUrlOf(*cluster_(), node).has_value();
}

Result<void> PeerBlobs::Read(const NodeId& node, const BlobId& blob, std::uint64_t bytes,
                             const ByteSink& sink, const std::stop_token& stop) const {
  Request request;
  request.method = "GET";
  request.target = fmt::format("/blobs/{}/data", blob);
  HttpDownload download;
  download.url = TRY(ApiUrlOf(*cluster_(), node)) + request.target;
  download.headers = {
      {"Authorization", tokens_.Sign(request, Caller{.name_space = kSystemNamespace}, node,
                                     std::chrono::system_clock::now())}};
  download.trust.authorities = *authorities_();
  download.redirects = 0;
  download.connect_timeout = Forward::kConnectDeadline;
  download.stall_timeout = kStallTimeout;
  download.max_bytes = bytes;
  download.through_proxy = false;
  std::optional<Error> refusal;
  const auto on_head = [&](const HttpHead& head) {
    const std::string length = head.Header("content-length");
    if (head.status == ToStatus(Code::kNotReady)) {
      refusal = Error{Code::kNotReady, fmt::format("node {} serves others first", node)};
    } else if (head.status != kOkStatus) {
      refusal = Error{Code::kUnavailable, fmt::format("node {} answers {}", node, head.status)};
    } else if (length != std::to_string(bytes)) {
      refusal = Error{Code::kCorrupt, fmt::format("node {} has {} bytes, and its row says {}", node,
                                                  length, bytes)};
    }
    return !refusal;
  };
  const auto done = HttpClient().Download(download, on_head, sink, stop);
  if (refusal) return tl::unexpected(*refusal);
  if (!done) return tl::unexpected(done.error());
  return {};
}

}  // namespace sf::api
