// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <stop_token>
#include <string>

#include "node/base/event_loop.h"
#include "node/base/metrics.h"
#include "node/base/worker_pool.h"
#include "node/reconcile/blob_shelf.h"
#include "node/store/store.h"

namespace sf::reconcile {

/// Sees to it that as many nodes as wanted have each stored blob, as far as this node can: looks,
/// copies what falls to it, a few at a time, and looks again. Waking it twice is waking it once; a
/// lost wake-up costs at most one period.
///
/// Thread: loop, but for Wake(). Invariant: one look at a time, one job per blob at a time.
class CopyKeeper {
 public:
  /// Has another node look. A hint: it may be lost.
  using WakeOther = std::function<void(const NodeId&)>;

  CopyKeeper(EventLoop& loop, WorkerPool& workers, store::Store& store, BlobShelf& shelf,
             std::size_t most_copies, WakeOther wake_other, Metrics& metrics);

  /// Blobs, nodes or what they have may have changed. Thread: any.
  void Wake() { woken_ = true; }
  /// Once a second: looks, if there was reason to, and a whole period after the last look.
  void Tick();
  /// No new copies; those under way end.
  void Stop();

 private:
  /// Of the last attempt to copy a blob; it is left until the next, so that others get their turn.
  struct Failure {
    std::string error = {};
    int again_at = 0;
  };

  void Look();
  void OnLooked(const Result<CopyPlan>& plan, bool stored_here);
  void Copy(const BlobId& blob);
  Result<void> Bring(const BlobId& blob);  // worker
  void OnCopied(const BlobId& blob, const Result<void>& copied);
  /// Has it in the log once; empty: it is over.
  void Say(const std::string& trouble);

  EventLoop& loop_;
  WorkerPool& workers_;
  store::Store& store_;
  BlobShelf& shelf_;
  const std::size_t most_copies_;
  const WakeOther wake_other_;

  std::atomic<bool> woken_ = true;
  bool looking_ = false;
  bool stopping_ = false;
  int ticks_ = 0;
  int look_at_ = 0;
  std::uint64_t stores_ = 0;  ///< blobs stored here when it last looked
  std::set<BlobId> copying_;
  std::map<BlobId, Failure> failed_;
  std::string said_;
  std::stop_source stop_;

  // Of the last look, for the metrics.
  Count under_way_ = 0;
  Count too_few_ = 0;
  Count out_of_reach_ = 0;
};

}  // namespace sf::reconcile
