// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace sf {

/// A few threads for blocking work. Jobs with the same key run one at a time, in the order in which
/// they were submitted, so an object needs no lock: its id is its key.
///
/// Thread: any. Invariant: at most one running job per key.
class WorkerPool {
 public:
  using Job = std::function<void()>;

  /// `limit` bounds the waiting jobs: Submit() refuses past it.
  WorkerPool(std::size_t threads, std::size_t limit);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// False when the queue is full or the pool is stopping; the job is then dropped, and the caller,
  /// who works from durable state, finds the same work again later.
  [[nodiscard]] bool Submit(std::string key, Job job);

  /// Drops the jobs that have not begun and waits for those that have.
  void Stop();

 private:
  struct Entry {
    std::string key;
    Job job;
  };

  void Run();
  /// The first waiting entry whose key is not running. Needs mutex_.
  std::deque<Entry>::iterator NextRunnable();

  const std::size_t limit_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<Entry> waiting_;
  std::set<std::string> running_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace sf
