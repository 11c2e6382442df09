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
    loop_.Post([this, picture = Gather()]() mutable { OnGathered(std::move(picture)); });
  });
  retry_ = !gathering_;
}

// What is here is read before what should be: a row is written before anything is made of it, so a
// domain without a row in this order is one whose row is gone, and not one that is just coming.
// Half of an answer is no answer: without all of both there is no plan; nor from the rows of
// another cluster, or of a database that was made anew and has none: all that is here would be a
// stray.
Result<Reconciler::Picture> Reconciler::Gather() const {
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
                   Submit(fetches_, limits_.fetches, "image " + fetch.url, [this, url = fetch.url] {
                     return fetcher_.Fetch(url, stop_.get_token());
                   });
                 },
                 [this](const BuildInstance& build) {
                   Submit(builds_, limits_.builds, build.id.value,
                          [this, id = build.id] { return builder_.Build(id); });
                 },
                 [this](const StartInstance& start) {
                   Submit(builds_, limits_.builds, start.id.value,
                          [this, id = start.id] { return builder_.Restart(id); });
                 },
                 [this](const PlugInterfaces& plug) {
                   Submit(builds_, limits_.builds, plug.id.value,
                          [this, id = plug.id] { return builder_.Plug(id); });
                 },
                 [this](const RemoveInstance& remove) {
                   Submit(removals_, limits_.removals, remove.id.value,
                          [this, remove] { return builder_.Remove(remove.id, remove.has_row); });
                 },
                 [this](const StopInstance& stop) {
                   Submit(removals_, limits_.removals, stop.id.value,
                          [this, id = stop.id] { return builder_.Stop(id); });
                 },
                 [this](const RecordPower& power) {
                   Submit(removals_, limits_.removals, power.id.value,
                          [this, id = power.id] { return builder_.RecordPower(id); });
                 },
                 [this](const TakeSnapshots& take) {
                   // One that is off must stay so while it is copied; one that runs may do as it
                   // likes, and a copy of what is deleted fails.
                   Submit(
                       snapshots_, limits_.snapshots, "snapshot " + take.id.value,
                       [this, take] {
                         return snapshot_taker_.Take(take.id, take.running, stop_.get_token());
                       },
                       take.running ? "" : take.id.value);
                 },
                 [this](const TakeBackInstance& back) {
                   Submit(removals_, limits_.removals, back.id.value,
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
void Reconciler::Submit(std::set<std::string>& kind, std::size_t limit, const std::string& key,
                        std::function<Result<void>()> job, const std::string& alone_with) {
  if (kind.size() >= limit || InFlight(key)) return;
  const std::string& pool_key = alone_with.empty() ? key : alone_with;
  const bool taken = workers_.Submit(pool_key, [this, &kind, key, job = std::move(job)] {
    loop_.Post([this, &kind, key, result = job()] { OnFinished(kind, key, result); });
  });
  if (taken) {
    kind.insert(key);
  } else {
    retry_ = true;
  }
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
