// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "node/api/node_token.h"
#include "node/api/router.h"
#include "node/api/slots.h"
#include "node/base/http_client.h"
#include "node/cluster_view.h"

namespace sf::api {

/// The authorities that this node takes the word of for who other nodes are, as PEM; empty: those
/// of the system.
using ReadAuthorities = std::function<std::shared_ptr<const std::string>()>;

/// Where the API of `node` is, by http or https as it says of itself; kUnavailable, naming it and
/// its state, unless it seems able to answer.
Result<std::string> ApiUrlOf(const ClusterView& cluster, const NodeId& node);

/// Passes on what only one node can see or do at this moment, as the same HTTP request to that
/// node's API, and hands back its answer as it is. The far end knows the caller by a NodeToken and
/// checks what they may touch as if they had asked there; it never passes a call on a second time.
///
/// The one place where an HTTP thread waits for another node, with a deadline, and for at most
/// `limit` calls at once: were every thread to wait for a node whose threads all wait for this one,
/// nobody would be left to answer.
///
/// Thread: HTTP.
class Forward {
 public:
  /// Longer than the far end gives itself (LocalInstances), so that it is the one to say what it
  /// waited for.
  static constexpr std::chrono::seconds kDeadline{40};
  static constexpr std::chrono::seconds kConnectDeadline{3};
  static constexpr std::size_t kMaxReply = std::size_t{64} << 20;

  Forward(const NodeTokens& tokens, ReadCluster cluster, ReadAuthorities authorities,
          std::ptrdiff_t limit)
      : tokens_(tokens),
        cluster_(std::move(cluster)),
        authorities_(std::move(authorities)),
        free_(limit) {}

  /// The answer of `node` to `call`, whatever its status. kUnavailable, naming the node, when it is
  /// not there, does not answer, or does not take this node's word; and for a call that has been
  /// passed on already.
  Result<Response> To(const NodeId& node, const Call& call);

  /// The body, of exactly `bytes`, with which `node` answers `call`: passed through in pieces,
  /// after this returns. Its errors are those of To().
  Result<BodyStream> Stream(const NodeId& node, const Call& call, std::uint64_t bytes);

  /// Whether `node` seems able to answer.
  bool CanReach(const NodeId& node) const { return ApiUrlOf(*cluster_(), node).has_value(); }

  const Slots& slots() const { return free_; }

 private:
  Result<void> PassThrough(const NodeId& node, const HttpDownload& download, const ByteSink& sink);

  const NodeTokens& tokens_;
  const ReadCluster cluster_;
  const ReadAuthorities authorities_;
  Slots free_;
};

}  // namespace sf::api
