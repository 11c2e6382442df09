// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "images/blob_files.h"
#include "node/reconcile/agent_run.h"
#include "node/reconcile/blob_shelf.h"
#include "node/store/store.h"

namespace sf::reconcile {

/// What comes before and after the run of an agent operation, as that itself never blocks: the
/// files that it puts are brought here and it is claimed, and what it gave is kept.
///
/// Thread: worker.
class AgentOperationJob {
 public:
  struct Settings {
    NodeId self;
    std::uint64_t most_bytes = 0;     ///< of a file, either way
    std::uint64_t reserve_bytes = 0;  ///< of the disk, left alone
  };

  AgentOperationJob(Settings settings, store::Store& store, images::BlobFiles& blobs,
                    BlobShelf& shelf)
      : settings_(std::move(settings)), store_(store), blobs_(blobs), shelf_(shelf) {}

  /// The run, ready to go; none when the operation has ended, or has been ended because it cannot
  /// be. An Error means that it is to be tried again.
  Result<std::unique_ptr<AgentRun>> Begin(const AgentOperation& operation,
                                          const std::stop_token& stop);
  /// Writes down how the run ended, and removes its files.
  void End(std::unique_ptr<AgentRun> run, double seconds, const std::stop_token& stop);
  /// Ends an operation that no run has.
  void Fail(const AgentOperation& operation, const std::string& message);

 private:
  Result<AgentRun::Files> Prepare(const AgentOperation& operation, const std::stop_token& stop);
  Result<std::filesystem::path> Bring(const BlobId& id, const std::stop_token& stop);
  Result<void> Keep(const AgentRun& run, double seconds);
  Result<BlobId> Record(const images::BlobFile& file);

  const Settings settings_;
  store::Store& store_;
  images::BlobFiles& blobs_;
  BlobShelf& shelf_;
};

}  // namespace sf::reconcile
