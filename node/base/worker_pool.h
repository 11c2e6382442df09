// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <set>
#include <string>
#include <thread>

namespace sf {

/// A few threads for blocking work. Jobs with the same key run one at a time, in the order in which
/// they were submitted, so an object needs no lock: its id is its key.
///
/// Threads begin when there is work for them and end when there has been none for a while: an idle
/// daemon keeps none of the memory that a rush needed.
///
/// Thread: any. Invariant: at most one running job per key.
class WorkerPool {
 public:
  using Job = std::function<void()>;

  /// At most `threads` jobs run at once. `limit` bounds those that wait: Submit() refuses past it.
  /// A thread ends after being idle for `patience`.
  WorkerPool(std::size_t threads, std::size_t limit,
             std::chrono::milliseconds patience = std::chrono::seconds(10));
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// False when the queue is full or the pool is stopping; the job is then dropped, and the caller,
  /// who works from durable state, finds the same work again later.
  [[nodiscard]] bool Submit(std::string key, Job job);

  /// Drops the jobs that have not begun and waits for those that have.
  void Stop();

  std::size_t threads();  ///< that there are now

 private:
  using Threads = std::list<std::thread>;  // A list: each thread knows its own place.

  struct Entry {
    std::string key;
    Job job;
    std::string request;  ///< that its sender works for; see RequestScope
  };

  void Run(Threads::iterator self);
  // These need mutex_.
  /// Sees to it that somebody takes the next job: an idle thread, or a new one.
  void FindHands();
  /// The first waiting entry whose key is not running.
  std::deque<Entry>::iterator NextRunnable();

  const std::size_t most_threads_;
  const std::size_t limit_;
  const std::chrono::milliseconds patience_;
  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<Entry> waiting_;
  std::set<std::string> running_;
  bool stopping_ = false;
  std::size_t idle_ = 0;
  Threads threads_;
  Threads ended_;  // to be joined
};

}  // namespace sf
