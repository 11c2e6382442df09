// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node/api/auth.h"
#include "node/api/http_message.h"
#include "node/base/id.h"
#include "node/base/result.h"

namespace sf::api {

/// The cluster's key ring: the first key signs, any is accepted, so calls go on while it is
/// rotated.
using ClusterKeys = std::vector<std::array<std::uint8_t, 32>>;
using ReadClusterKeys = std::function<std::shared_ptr<const ClusterKeys>()>;

/// What a node shows to another when it passes on somebody's call: "Authorization: Node <token>".
///
/// A token is base64url(claims) "." base64url(mac). The claims are JSON: the node that sends, the
/// one that it is sent to, the namespace and key of the caller, the time, and a nonce. The MAC is
/// BLAKE2b, keyed with a key derived from the cluster's (crypto_kdf, so that no seal of a datagram
/// can stand for one), over claims, method, target and body, each after its length. So a token is
/// good for one request to one node, with the rights that its caller came with and no others.
///
/// It is good once: a node remembers those it has let in for as long as they would be let in again.
/// That is kTolerance either side of its own clock: `sf-node check` wants each clock within 2 s of
/// the database's, so two nodes' differ by 4 s at most, and the rest is for the way. A node that
/// has just started remembers nothing, and could be shown again what is younger than that.
///
/// Thread: any.
class NodeTokens {
 public:
  using Time = std::chrono::system_clock::time_point;

  static constexpr std::chrono::seconds kTolerance{10};
  /// That are remembered; more within kTolerance are refused, as no cluster sends them.
  static constexpr std::size_t kMaxRemembered = 100'000;

  NodeTokens(NodeId self, ReadClusterKeys keys) : self_(std::move(self)), keys_(std::move(keys)) {}

  /// The Authorization header of `request` as it is passed on to `to` for `caller`.
  std::string Sign(const Request& request, const Caller& caller, const NodeId& to, Time now) const;

  /// Whether `request` came from a node, or claims to.
  static bool IsIn(const Request& request);
  /// For whom it was passed on; kUnauthorized says what is wrong with its token.
  Result<Caller> Verify(const Request& request, Time now);

 private:
  Result<void> LetInOnce(const std::string& mac, Time now);

  const NodeId self_;
  const ReadClusterKeys keys_;
  std::mutex mutex_;  // guards the two below
  std::set<std::string> let_in_;
  std::deque<std::pair<Time, std::string>> in_order_;  // the same, by when
};

}  // namespace sf::api
