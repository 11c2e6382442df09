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
#include "node/base/worker_pool.h"
#include "node/reconcile/image_fetcher.h"
#include "node/reconcile/instance_builder.h"
#include "node/reconcile/plan.h"
#include "node/store/store.h"

namespace sf::reconcile {

/// How many jobs of a kind may run at once. libvirt starts no more domains a second with more than
/// about two at a time per core; removals mostly wait for it, and overlap well.
struct JobLimits {
  std::size_t builds = 4;
  std::size_t removals = 8;
  std::size_t fetches = 4;

  /// Threads that let all of them run, and calls of the API beside them.
  std::size_t threads() const { return builds + removals + fetches + 4; }
};

/// Makes this node what the rows say it should be: gathers desired and actual on a worker, plans on
/// the loop, hands each action to a worker, and does it all again whenever something has changed.
/// Waking it twice is waking it once; a lost wake-up costs at most one period.
///
/// Thread: loop, but for Wake(). Invariant: one gathering at a time, one job per object at a time.
class Reconciler {
 public:
  Reconciler(EventLoop& loop, WorkerPool& workers, store::Store& store,
             compute::Hypervisor& hypervisor, images::ImageCache& cache, InstanceBuilder& builder,
             ImageFetcher& fetcher, HostSettings settings, JobLimits limits)
      : loop_(loop),
        workers_(workers),
        store_(store),
        hypervisor_(hypervisor),
        cache_(cache),
        builder_(builder),
        fetcher_(fetcher),
        settings_(std::move(settings)),
        limits_(limits) {}

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
  Result<Picture> Gather() const;  // worker
  void OnGathered(Result<Picture> picture);
  void Dispatch(const Action& action);
  void Submit(std::set<std::string>& kind, std::size_t limit, const std::string& key,
              std::function<Result<void>()> job);
  void OnFinished(std::set<std::string>& kind, const std::string& key, const Result<void>& result);
  bool InFlight(const std::string& key) const;

  EventLoop& loop_;
  WorkerPool& workers_;
  store::Store& store_;
  compute::Hypervisor& hypervisor_;
  images::ImageCache& cache_;
  InstanceBuilder& builder_;
  ImageFetcher& fetcher_;
  const HostSettings settings_;
  const JobLimits limits_;

  bool gathering_ = false;
  bool again_ = false;  ///< woken while gathering
  bool retry_ = false;  ///< something failed; try at the next tick
  bool stopping_ = false;
  int ticks_ = 0;                                      ///< since the last pass
  std::set<std::string> builds_, removals_, fetches_;  ///< keys of the jobs that run
  std::stop_source stop_;
};

}  // namespace sf::reconcile
