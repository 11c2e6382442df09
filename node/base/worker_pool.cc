// SPDX-License-Identifier: Apache-2.0
#include "node/base/worker_pool.h"

#include <algorithm>
#include <utility>

#include "node/base/request_scope.h"

namespace sf {

WorkerPool::WorkerPool(std::size_t threads, std::size_t limit, std::chrono::milliseconds patience)
    : most_threads_(threads), limit_(limit), patience_(patience) {}

WorkerPool::~WorkerPool() { Stop(); }

bool WorkerPool::Submit(std::string key, Job job) {
  const std::lock_guard lock(mutex_);
  if (stopping_ || waiting_.size() >= limit_) return false;
  waiting_.push_back({std::move(key), std::move(job), RequestScope::Id()});
  FindHands();
  return true;
}

void WorkerPool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  // From here on nobody but us changes the lists: no thread begins, and none ends by itself.
  for (Threads* threads : {&threads_, &ended_}) {
    for (std::thread& thread : *threads) thread.join();
    threads->clear();
  }
}

std::size_t WorkerPool::threads() {
  const std::lock_guard lock(mutex_);
  return threads_.size();
}

void WorkerPool::FindHands() {
  // Each of these has let go of the mutex for good, so joining it here waits for nothing.
  for (std::thread& thread : ended_) thread.join();
  ended_.clear();
  // An idle thread that was woken for an earlier job still counts as idle until it runs: so it is
  // the number of waiting jobs that decides. Some may wait for their key, and then a thread too
  // many begins, which is harmless.
  if (waiting_.size() > idle_ && threads_.size() < most_threads_) {
    const auto self = threads_.emplace(threads_.end());
    *self = std::thread([this, self] { Run(self); });
  } else {
    changed_.notify_one();
  }
}

void WorkerPool::Run(Threads::iterator self) {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    const bool called = changed_.wait_for(
        lock, patience_, [this] { return stopping_ || NextRunnable() != waiting_.end(); });
    --idle_;
    if (stopping_) return;
    if (!called) {
      ended_.splice(ended_.end(), threads_, self);
      return;
    }
    const auto next = NextRunnable();
    Entry entry = std::move(*next);
    waiting_.erase(next);
    running_.insert(entry.key);
    lock.unlock();
    {
      const RequestScope scope(entry.request);
      entry.job();
    }
    entry.job = nullptr;  // What the job captured is released outside the lock.
    lock.lock();
    running_.erase(entry.key);
    // A job with this key may have become runnable, and its Submit() woke nobody who could take it.
    if (!waiting_.empty() && !stopping_) FindHands();
  }
}

std::deque<WorkerPool::Entry>::iterator WorkerPool::NextRunnable() {
  return std::find_if(waiting_.begin(), waiting_.end(),
                      [this](const Entry& entry) { return !running_.contains(entry.key); });
}

}  // namespace sf
