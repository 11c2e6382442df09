// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <stop_token>
#include <utility>

#include "node/api/forward.h"
#include "node/api/http_message.h"
#include "node/api/node_token.h"
#include "node/cluster_view.h"

namespace sf::api {

/// Whether a node asks for itself, and not for somebody whose call it passes on: it then comes as
/// an administrator without a key.
bool IsPeer(const Caller& caller);

/// Reads the files of blobs from other nodes, for this node itself, each with a token that is good
/// for this one read.
///
/// Thread: worker (blocks).
class PeerBlobs {
 public:
  PeerBlobs(NodeId self, ReadClusterKeys keys, ReadCluster cluster, ReadAuthorities authorities)
      : self_(std::move(self)),
        tokens_(self_, std::move(keys)),
        cluster_(std::move(cluster)),
        authorities_(std::move(authorities)) {}

  /// Whether `node` is another one, and seems able to answer.
  bool CanReach(const NodeId& node) const;

  /// All of the file of `blob` on `node`, which has `bytes`. kNotReady: it serves others first.
  Result<void> Read(const NodeId& node, const BlobId& blob, std::uint64_t bytes,
                    const ByteSink& sink, const std::stop_token& stop) const;

 private:
  const NodeId self_;
  const NodeTokens tokens_;  // only signs
  const ReadCluster cluster_;
  const ReadAuthorities authorities_;
};

}  // namespace sf::api
