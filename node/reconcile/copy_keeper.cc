// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/copy_keeper.h"

#include <algorithm>

#include "node/base/log.h"

namespace sf::reconcile {
namespace {

constexpr int kPeriodTicks = 30;
constexpr int kRetryTicks = 3;

}  // namespace

CopyKeeper::CopyKeeper(EventLoop& loop, WorkerPool& workers, store::Store& store, BlobShelf& shelf,
                       std::size_t most_copies, WakeOther wake_other, Metrics& metrics)
    : loop_(loop),
      workers_(workers),
      store_(store),
      shelf_(shelf),
      most_copies_(most_copies),
      wake_other_(std::move(wake_other)) {
  metrics.Gauge("shakenfist_blob_copies_under_way", "Stored blobs that this node copies just now.",
                under_way_);
  metrics.Gauge(
      "shakenfist_blobs_with_too_few_copies",
      "Stored blobs of the cluster of which fewer nodes have a copy than should and could.",
      too_few_);
  metrics.Gauge("shakenfist_blobs_out_of_reach",
                "Stored blobs of the cluster that no node has which answers.", out_of_reach_);
}

void CopyKeeper::Tick() {
  const bool due = ++ticks_ >= look_at_ || woken_ || store_.blobs.stores() != stores_;
  if (due && !looking_ && !stopping_) Look();
}

void CopyKeeper::Stop() {
  stopping_ = true;
  stop_.request_stop();
}

void CopyKeeper::Look() {
  woken_ = false;
  look_at_ = ticks_ + kPeriodTicks;
  const std::uint64_t stores = store_.blobs.stores();
  const bool stored_here = stores != stores_;
  looking_ = workers_.Submit("copies", [this, stored_here] {
    loop_.Post([this, stored_here, plan = shelf_.Plan()] { OnLooked(plan, stored_here); });
  });
  if (looking_) stores_ = stores;
}

void CopyKeeper::OnLooked(const Result<CopyPlan>& plan, bool stored_here) {
  looking_ = false;
  if (!plan) return Say(plan.error().message);
  Say(plan->without_room > 0 ? "no node has room for more copies of some blobs" : "");
  too_few_ = plan->too_few;
  out_of_reach_ = plan->out_of_reach;
  if (stored_here) std::ranges::for_each(plan->others, wake_other_);
  std::erase_if(failed_, [&](const auto& one) {
    return !copying_.contains(one.first) && std::ranges::count(plan->to_copy, one.first) == 0;
  });
  for (const BlobId& blob : plan->to_copy) Copy(blob);
}

void CopyKeeper::Copy(const BlobId& blob) {
  if (stopping_ || copying_.size() >= most_copies_ || copying_.contains(blob)) return;
  const auto failed = failed_.find(blob);
  if (failed != failed_.end() && failed->second.again_at > ticks_) return;
  const bool taken = workers_.Submit("copy " + blob.value, [this, blob] {
    loop_.Post([this, blob, copied = Bring(blob)] { OnCopied(blob, copied); });
  });
  if (taken) copying_.insert(blob);
  under_way_ = copying_.size();
}

Result<void> CopyKeeper::Bring(const BlobId& blob) {
  const auto found = TRY(store_.blobs.List({.uuid = blob}));
  if (!found.empty()) TRY(shelf_.Bring(found[0].blob, stop_.get_token()));
  return {};
}

// Each end begins a look: what found no room among those under way is planned again.
void CopyKeeper::OnCopied(const BlobId& blob, const Result<void>& copied) {
  copying_.erase(blob);
  under_way_ = copying_.size();
  woken_ = true;
  if (copied) {
    failed_.erase(blob);
    return;
  }
  const bool busy = copied.error().code == Code::kNotReady;
  Failure& failure = failed_[blob];
  failure.again_at = ticks_ + (busy ? kRetryTicks : kPeriodTicks);
  look_at_ = std::min(look_at_, failure.again_at);
  // What cannot be mended without somebody's help would fill the log otherwise.
  if (busy || failure.error == copied.error().message) return;
  failure.error = copied.error().message;
  log::Warn("a blob was not copied blob={} error={}", blob, failure.error);
}

void CopyKeeper::Say(const std::string& trouble) {
  if (!trouble.empty() && trouble != said_) log::Warn("blobs lack copies error={}", trouble);
  said_ = trouble;
}

}  // namespace sf::reconcile
