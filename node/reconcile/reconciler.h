// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <set>
#include <stop_token>
#include <string>

#include "compute/hypervisor.h"
#include "images/image_cache.h"
#include "node/base/event_loop.h"
#include "node/base/metrics.h"
#include "node/base/worker_pool.h"
#include "node/reconcile/image_fetcher.h"
#include "node/reconcile/instance_builder.h"
#include "node/reconcile/plan.h"
#include "node/reconcile/snapshot_taker.h"
#include "node/store/store.h"

namespace sf::reconcile {

/// How many jobs of a kind may run at once. libvirt starts no more domains a second with more than
/// about two at a time per core; removals mostly wait for it, and overlap well.
struct JobLimits {
  std::size_t builds = 4;
  std::size_t removals = 8;
  std::size_t fetches = 4;
  std::size_t snapshots = 2;
  std::size_t copies = 2;  ///< of stored blobs
  std::size_t agents = 5;

  /// Threads that let all of them run, and calls of the API beside them.
  std::size_t threads() const {
    return builds + removals + fetches + snapshots + copies + agents + 4;
  }
};

/// Makes this node what the rows say it should be: gathers desired and actual on a worker, plans on
/// the loop, hands each action to a worker, and does it all again whenever something has changed.
/// Waking it twice is waking it once; a lost wake-up costs at most one period.
///
/// Thread: loop, but for Wake(). Invariant: one gathering at a time, one job per object at a time.
class Reconciler {
 public:
  /// Told on the loop what each pass found, for others to know.
  using Report = std::function<void(const Desired& desired, const Actual& actual)>;

  Reconciler(EventLoop& loop, WorkerPool& workers, store::Store& store,
             compute::Hypervisor& hypervisor, images::ImageCache& cache, InstanceBuilder& builder,
             ImageFetcher& fetcher, SnapshotTaker& snapshot_taker, HostSettings settings,
             JobLimits limits, Metrics& metrics, Report report);

  /// Something may have changed. Thread: any.
  void Wake();
  /// Once a second: repeats what failed, and a whole period after the last pass, everything.
  void Tick();
  /// No new jobs; downloads under way end. Jobs that run are waited for by the pool's Stop().
  void Stop();

 private:
  struct Picture {
    Desired desired;
    Actual actual;
  };

  void Begin();
  Result<Picture> Gather();  // worker
  void OnGathered(Result<Picture> picture);
  void Dispatch(const Action& action);
  /// `name`: of the action, for the metrics. `alone_with`: the object whose other jobs have to
  /// wait, if it is not the key.
  void Submit(const char* name, std::set<std::string>& kind, std::size_t limit,
              const std::string& key, std::function<Result<void>()> job,
              const std::string& alone_with = {});
  /// Does the job, and counts it.
  Result<void> Do(const char* name, const std::function<Result<void>()>& job);  // worker
  void OnFinished(std::set<std::string>& kind, const std::string& key, const Result<void>& result);
  bool InFlight(const std::string& key) const;

  EventLoop& loop_;
  WorkerPool& workers_;
  store::Store& store_;
  compute::Hypervisor& hypervisor_;
  images::ImageCache& cache_;
  InstanceBuilder& builder_;
  ImageFetcher& fetcher_;
  SnapshotTaker& snapshot_taker_;
  const HostSettings settings_;
  const JobLimits limits_;
  const Report report_;

  bool gathering_ = false;
  bool again_ = false;  ///< woken while gathering
  bool retry_ = false;  ///< something failed; try at the next tick
  bool stopping_ = false;
  int ticks_ = 0;                                                  ///< since the last pass
  std::set<std::string> builds_, removals_, fetches_, snapshots_;  ///< keys of the jobs that run
  std::stop_source stop_;

  Durations passes_took_;
  Count passes_ = 0;         ///< that made a plan
  Count passes_failed_ = 0;  ///< that could not know all that there is, or should be
  ByLabels<Durations> actions_took_;
  ByLabels<Count> actions_;
};

}  // namespace sf::reconcile
