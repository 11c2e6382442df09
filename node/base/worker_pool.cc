// SPDX-License-Identifier: Apache-2.0
#include "node/base/worker_pool.h"

#include <algorithm>
#include <utility>

namespace sf {

WorkerPool::WorkerPool(std::size_t threads, std::size_t limit) : limit_(limit) {
  threads_.reserve(threads);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

WorkerPool::~WorkerPool() { Stop(); }

bool WorkerPool::Submit(std::string key, Job job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_ || waiting_.size() >= limit_) return false;
    waiting_.push_back({std::move(key), std::move(job)});
  }
  changed_.notify_one();
  return true;
}

void WorkerPool::Stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    waiting_.clear();
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void WorkerPool::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || NextRunnable() != waiting_.end(); });
    if (stopping_) return;
    const auto next = NextRunnable();
    Entry entry = std::move(*next);
    waiting_.erase(next);
    running_.insert(entry.key);
    lock.unlock();
    entry.job();
    entry.job = nullptr;  // What the job captured is released outside the lock.
    lock.lock();
    running_.erase(entry.key);
    // A job with this key may have become runnable, and its Submit() woke nobody who could take it.
    changed_.notify_one();
  }
}

std::deque<WorkerPool::Entry>::iterator WorkerPool::NextRunnable() {
  return std::find_if(waiting_.begin(), waiting_.end(),
                      [this](const Entry& entry) { return !running_.contains(entry.key); });
}

}  // namespace sf
