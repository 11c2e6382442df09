// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/reconciler.h"

#include <system_error>
#include <utility>
#include <variant>

#include "images/image_ref.h"
#include "node/base/log.h"
#include "node/base/uuid.h"
#include "node/store/cluster_check.h"

namespace sf::reconcile {
namespace {

constexpr int kPeriodTicks = 10;

template <class... Bodies>
struct Overloaded : Bodies... {
  using Bodies::operator()...;
};
template <class... Bodies>
Overloaded(Bodies...) -> Overloaded<Bodies...>;  // clang 14 does not deduce it by itself.

/// The instances that have a folder here. Other names are not ours to touch.
Result<std::set<InstanceId>> ReadFolders(const std::filesystem::path& instances_folder) {
  std::set<InstanceId> ids;
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(instances_folder, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    std::string name = entry->path().filename().string();
    if (IsUuid(name)) ids.insert(InstanceId(std::move(name)));
  }
  if (error) {
    return Fail(Code::kUnavailable, "cannot list {}: {}", instances_folder.string(),
                error.message());
  }
  return ids;
}

bool IsUsable(const images::ImageCache& cache, const std::string& url) {
  const auto image = images::ParseImageSource(url);
  return image && cache.FreshEnough(*image);
}

/// Blobs that disks of `instance` are to lie on, by their names as images.
std::set<std::string> BlobsNeededFor(const Instance& instance) {
  std::set<std::string> sources;
  if (instance.state != InstanceState::kInitial && instance.state != InstanceState::kCreating) {
    return sources;
  }
  for (const InstanceDisk& disk : instance.disks) {
    if (!disk.url.empty() && disk.artifact.empty()) sources.insert(disk.url);
  }
  return sources;
}

}  // namespace

Reconciler::Reconciler(EventLoop& loop, WorkerPool& workers, store::Store& store,
                       compute::Hypervisor& hypervisor, images::ImageCache& cache,
                       InstanceBuilder& builder, ImageFetcher& fetcher,
                       SnapshotTaker& snapshot_taker, HostSettings settings, JobLimits limits,
                       Metrics& metrics, Report report)
    : loop_(loop),
      workers_(workers),
      store_(store),
      hypervisor_(hypervisor),
      cache_(cache),
      builder_(builder),
      fetcher_(fetcher),
      snapshot_taker_(snapshot_taker),
      settings_(std::move(settings)),
      limits_(limits),
      report_(std::move(report)) {
  metrics.Counter(
      "shakenfist_reconcile_passes_total",
      "Comparisons of what there is with what should be; failed: not all of it could be read.",
      "result", {{"planned", passes_}, {"failed", passes_failed_}});
  metrics.Histogram("shakenfist_reconcile_pass_seconds", "Time that each of them took.",
                    passes_took_);
  metrics.Counter("shakenfist_reconcile_actions_total",
                  "What was done to close the difference, by how it ended; early and failed are "
                  "tried again.",
                  actions_);
  metrics.Histogram("shakenfist_reconcile_action_seconds", "Time that each action took.",
                    actions_took_);
}

void Reconciler::Wake() {
  loop_.Post([this] { Begin(); });
}

void Reconciler::Tick() {
  if (++ticks_ >= kPeriodTicks || retry_) Begin();
}

void Reconciler::Stop() {
  stopping_ = true;
  stop_.request_stop();
}

void Reconciler::Begin() {
  if (stopping_) return;
  if (gathering_) {
    again_ = true;
    return;
  }
  again_ = retry_ = false;
  ticks_ = 0;
  gathering_ = workers_.Submit("reconcile", [this] {
    Result<Picture> picture = Gather();
    ++(picture ? passes_ : passes_failed_);
    loop_.Post([this, picture = std::move(picture)]() mutable { OnGathered(std::move(picture)); });
  });
  retry_ = !gathering_;
}

// What is here is read before what should be: a row is written before anything is made of it, so a
// domain without a row in this order is one whose row is gone, and not one that is just coming.
// Half of an answer is no answer: without all of both there is no plan; nor from the rows of
// another cluster, or of a database that was made anew and has none: all that is here would be a
// stray.
Result<Reconciler::Picture> Reconciler::Gather() {
  const Stopwatch watch(passes_took_);
  Picture picture;
  for (const auto& [id, state] : TRY(hypervisor_.List())) {
    picture.actual.domains[id] = {std::string(ToString(state.power)), !IsOff(state),
                                  state.by_guest_or_owner};
  }
  picture.actual.folders = TRY(ReadFolders(settings_.instances_folder));
  TRY(store::CheckCluster(store_.cluster, settings_.cluster_id));
  picture.desired.instances = TRY(store_.instances.List({.node = settings_.self}));
  for (const Artifact& artifact : TRY(store_.artifacts.NeededOn(settings_.self))) {
    picture.desired.images.push_back({artifact.source_url, artifact.state == "created"});
    if (IsUsable(cache_, artifact.source_url)) picture.actual.images.insert(artifact.source_url);
  }
  std::set<std::string> blobs;
  for (const Instance& instance : picture.desired.instances) blobs.merge(BlobsNeededFor(instance));
  for (const std::string& source : blobs) {
    picture.desired.images.push_back({source, /*recorded=*/true});
    if (IsUsable(cache_, source)) picture.actual.images.insert(source);
  }
  for (const Snapshot& snapshot : TRY(store_.snapshots.UnderWayOn(settings_.self))) {
    picture.desired.snapshots.insert(snapshot.instance);
  }
  picture.actual.cached = TRY(fetcher_.Names());
  return picture;
}

void Reconciler::OnGathered(Result<Picture> picture) {
  gathering_ = false;
  if (stopping_) return;
  if (!picture) {
    log::Warn("nothing is reconciled for now error={}", picture.error().message);
    retry_ = true;
    return;
  }
  report_(picture->desired, picture->actual);
  for (const Action& action : Plan(picture->desired, picture->actual)) Dispatch(action);
  if (again_) Begin();
}

void Reconciler::Dispatch(const Action& action) {
  std::visit(Overloaded{
                 [this](const FetchImage& fetch) {
                   Submit(
                       "fetch", fetches_, limits_.fetches, "image " + fetch.url,
                       [this, url = fetch.url] { return fetcher_.Fetch(url, stop_.get_token()); });
                 },
                 [this](const BuildInstance& build) {
                   Submit("build", builds_, limits_.builds, build.id.value,
                          [this, id = build.id] { return builder_.Build(id); });
                 },
                 [this](const StartInstance& start) {
                   Submit("start", builds_, limits_.builds, start.id.value,
                          [this, id = start.id] { return builder_.Restart(id); });
                 },
                 [this](const PlugInterfaces& plug) {
                   Submit("plug", builds_, limits_.builds, plug.id.value,
                          [this, id = plug.id] { return builder_.Plug(id); });
                 },
                 [this](const RemoveInstance& remove) {
                   Submit("remove", removals_, limits_.removals, remove.id.value,
                          [this, remove] { return builder_.Remove(remove.id, remove.has_row); });
                 },
                 [this](const StopInstance& stop) {
                   Submit("stop", removals_, limits_.removals, stop.id.value,
                          [this, id = stop.id] { return builder_.Stop(id); });
                 },
                 [this](const RecordPower& power) {
                   Submit("record_power", removals_, limits_.removals, power.id.value,
                          [this, id = power.id] { return builder_.RecordPower(id); });
                 },
                 [this](const TakeSnapshots& take) {
                   // One that is off must stay so while it is copied; one that runs may do as it
                   // likes, and a copy of what is deleted fails.
                   Submit(
                       "snapshot", snapshots_, limits_.snapshots, "snapshot " + take.id.value,
                       [this, take] {
                         return snapshot_taker_.Take(take.id, take.running, stop_.get_token());
                       },
                       take.running ? "" : take.id.value);
                 },
                 [this](const TakeBackInstance& back) {
                   Submit("take_back", removals_, limits_.removals, back.id.value,
                          [this, id = back.id] { return store_.nodes.TakeBack(id); });
                 },
             },
             action);
}

bool Reconciler::InFlight(const std::string& key) const {
  return builds_.contains(key) || removals_.contains(key) || fetches_.contains(key) ||
         snapshots_.contains(key);
}

// An action that finds no room now is planned again when a job ends, as each end begins a pass.
void Reconciler::Submit(const char* name, std::set<std::string>& kind, std::size_t limit,
                        const std::string& key, std::function<Result<void>()> job,
                        const std::string& alone_with) {
  if (kind.size() >= limit || InFlight(key)) return;
  const std::string& pool_key = alone_with.empty() ? key : alone_with;
  const bool taken = workers_.Submit(pool_key, [this, name, &kind, key, job = std::move(job)] {
    loop_.Post([this, &kind, key, result = Do(name, job)] { OnFinished(kind, key, result); });
  });
  if (taken) {
    kind.insert(key);
  } else {
    retry_ = true;
  }
}

Result<void> Reconciler::Do(const char* name, const std::function<Result<void>()>& job) {
  const Stopwatch watch(actions_took_[{{"action", name}}]);
  Result<void> done = job();
  const bool early = !done && done.error().code == Code::kNotReady;
  ++actions_[{{"action", name}, {"result", done ? "done" : early ? "early" : "failed"}}];
  return done;
}

void Reconciler::OnFinished(std::set<std::string>& kind, const std::string& key,
                            const Result<void>& result) {
  kind.erase(kind.find(key));
  if (result) {
    Begin();
  } else {
    // Too early is no failure.
    if (result.error().code != Code::kNotReady) {
      log::Warn("a step is tried again later object={} error={}", key, result.error().message);
    }
    retry_ = true;
  }
}

}  // namespace sf::reconcile
