// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <stop_token>
#include <string_view>
#include <utility>
#include <vector>

#include "node/base/metrics.h"
#include "node/base/result.h"
#include "node/model/blob.h"

namespace sf::reconcile {

/// The other nodes, as somebody who wants a file of theirs sees them. Thread: worker.
struct BlobPeers {
  using Sink = std::function<Result<void>(std::string_view)>;
  std::function<bool(const NodeId&)> can_reach;
  /// All of the file of a blob, of so many bytes. kNotReady: that node serves others first.
  std::function<Result<void>(const NodeId&, const BlobId&, std::uint64_t bytes, const Sink&,
                             const std::stop_token&)>
      read;
};

/// Brings files of blobs here from other nodes that have them. One that fails, stalls, or sends
/// other bytes than its row says is left for the next one. In an order of chance, so that of many
/// nodes that want one file not all ask the same; and each that has it serves few at a time.
///
/// Thread: worker.
class BlobCopier {
 public:
  using Progress = std::function<void(const NodeId& from, std::uint64_t done, std::uint64_t total)>;

  BlobCopier(BlobPeers peers, Metrics& metrics);

  /// Writes the file of `blob` to `path`, and says which of `holders` it is of. kNotReady: those
  /// that could give it are busy, so ask again; kUnavailable names what each of the others said.
  Result<BlobLocation> Copy(const BlobId& blob, std::vector<BlobLocation> holders,
                            const std::filesystem::path& path, const Progress& progress,
                            const std::stop_token& stop);

  bool CanReach(const NodeId& node) const { return peers_.can_reach(node); }
  /// Of `holders`, those that seem able to answer.
  std::vector<BlobLocation> Reachable(std::vector<BlobLocation> holders) const;

 private:
  Result<void> CopyFrom(const BlobLocation& holder, const BlobId& blob,
                        const std::filesystem::path& path, const Progress& progress,
                        const std::stop_token& stop);

  const BlobPeers peers_;
  Count copies_ = 0;
  Count bytes_ = 0;
  Count busy_ = 0;
  Count broken_ = 0;
  Count corrupt_ = 0;
};

}  // namespace sf::reconcile
