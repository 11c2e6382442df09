// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/blob_copier.h"

#include <algorithm>
#include <random>
#include <string>

#include "images/digest.h"
#include "images/file.h"
#include "node/base/log.h"

namespace sf::reconcile {

BlobCopier::BlobCopier(BlobPeers peers, Metrics& metrics) : peers_(std::move(peers)) {
  metrics.Counter("shakenfist_blob_copies_total", "Files of blobs copied from other nodes.",
                  copies_);
  metrics.Counter("shakenfist_blob_copy_bytes_total", "Bytes of blobs that other nodes sent.",
                  bytes_);
  metrics.Counter("shakenfist_blob_copy_failures_total",
                  "Attempts to copy a file of a blob that failed.", "reason",
                  {{"busy", busy_}, {"broken", broken_}, {"corrupt", corrupt_}});
}

std::vector<BlobLocation> BlobCopier::Reachable(std::vector<BlobLocation> holders) const {
  std::erase_if(holders, [this](const BlobLocation& one) { return !peers_.can_reach(one.node); });
  return holders;
}

Result<BlobLocation> BlobCopier::Copy(const BlobId& blob, std::vector<BlobLocation> holders,
                                      const std::filesystem::path& path, const Progress& progress,
                                      const std::stop_token& stop) {
  const std::string where = OutOfReach(holders);
  holders = Reachable(std::move(holders));
  if (holders.empty()) return Fail(Code::kUnavailable, "blob {} is on {}", blob, where);
  std::ranges::shuffle(holders, std::minstd_rand(std::random_device()()));
  bool busy = false;
  std::string causes;
  for (const BlobLocation& holder : holders) {
    const auto copied = CopyFrom(holder, blob, path, progress, stop);
    if (copied) {
      ++copies_;
      return holder;
    }
    const Error& error = copied.error();
    // No other node can help.
    if (error.code == Code::kNoCapacity || stop.stop_requested()) return tl::unexpected(error);
    if (error.code == Code::kNotReady) {
      ++busy_;
      busy = true;
      continue;
    }
    ++(error.code == Code::kCorrupt ? corrupt_ : broken_);
    log::Warn("a node did not give a blob blob={} node={} error={}", blob, holder.node,
              error.message);
    causes += fmt::format("; node {}: {}", holder.node, error.message);
  }
  if (busy)
    return Fail(Code::kNotReady, "blob {}: the nodes that have it serve others first", blob);
  return Fail(Code::kUnavailable, "blob {} was had from no node{}", blob, causes);
}

Result<void> BlobCopier::CopyFrom(const BlobLocation& holder, const BlobId& blob,
                                  const std::filesystem::path& path, const Progress& progress,
                                  const std::stop_token& stop) {
  const auto total = static_cast<std::uint64_t>(holder.bytes);
  images::File file = TRY(images::File::Create(path));
  images::RunningDigest digest;
  std::uint64_t done = 0;
  TRY(peers_.read(
      holder.node, blob, total,
      [&](std::string_view bytes) -> Result<void> {
        TRY(file.WriteAt(done, bytes));
        digest.Update(bytes);
        done += bytes.size();
        bytes_ += bytes.size();
        if (progress) progress(holder.node, done, total);
        return {};
      },
      stop));
  const std::string sha256 = digest.FinishSha256();
  if (sha256 == holder.file_sha256 && done == total) return {};
  return Fail(Code::kCorrupt, "sha256 {} of {} bytes came, and not {} of {}", sha256, done,
              holder.file_sha256, total);
}

}  // namespace sf::reconcile
