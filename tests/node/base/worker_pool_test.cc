// SPDX-License-Identifier: Apache-2.0
#include "node/base/worker_pool.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <functional>
#include <latch>
#include <mutex>
#include <thread>
#include <vector>

#include "node/base/request_scope.h"

namespace sf {
namespace {

using namespace std::chrono_literals;

/// Until `condition` holds; false if that takes ten seconds.
bool Eventually(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace

TEST_CASE("WorkerPool: jobs of one key run one at a time, in their order") {
  constexpr int kJobs = 200;
  WorkerPool pool(8, 1000);
  std::mutex mutex;
  std::vector<int> order;
  std::atomic<int> at_once = 0;
  std::atomic<bool> overlapped = false;
  std::atomic<int> others = 0;
  for (int i = 0; i < kJobs; ++i) {
    REQUIRE(pool.Submit("one", [&, i] {
      if (++at_once > 1) overlapped = true;
      {
        const std::lock_guard lock(mutex);
        order.push_back(i);
      }
      --at_once;
    }));
    REQUIRE(pool.Submit("other " + std::to_string(i), [&] { ++others; }));
  }
  REQUIRE(Eventually([&] {
    const std::lock_guard lock(mutex);
    return order.size() == kJobs && others == kJobs;
  }));
  CHECK_FALSE(overlapped);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

TEST_CASE(
    "WorkerPool: a job goes on in the request of whoever submitted it, and the next does not") {
  WorkerPool pool(1, 10);
  std::string first, second;
  {
    const RequestScope scope("r1");
    REQUIRE(pool.Submit("one", [&] { first = RequestScope::Id(); }));
  }
  std::latch done(1);
  REQUIRE(pool.Submit("two", [&] {
    second = RequestScope::Id();
    done.count_down();
  }));
  done.wait();
  CHECK(first == "r1");
  CHECK(second.empty());
}

TEST_CASE("WorkerPool: jobs of different keys run beside each other, up to the number of threads") {
  constexpr std::ptrdiff_t kThreads = 4;
  WorkerPool pool(kThreads, 100);
  std::latch all_here(kThreads);  // Passed only if all of them run at once.
  std::atomic<int> done = 0;
  for (int i = 0; i < kThreads; ++i) {
    REQUIRE(pool.Submit(std::to_string(i), [&] {
      all_here.arrive_and_wait();
      ++done;
    }));
  }
  CHECK(Eventually([&] { return done == kThreads; }));
  CHECK(pool.threads() <= kThreads);
}

// An idle thread that was woken for one job was once counted for the next as well, which then
// waited behind the first.
TEST_CASE("WorkerPool: a job does not wait behind another while a thread may begin") {
  WorkerPool pool(2, 100);
  std::atomic<bool> first_ran = false;
  REQUIRE(pool.Submit("warm", [&] { first_ran = true; }));
  REQUIRE(Eventually([&] { return first_ran.load(); }));
  for (int round = 0; round < 200; ++round) {
    std::latch both(2);
    std::atomic<int> done = 0;
    REQUIRE(pool.Submit("a", [&] { both.arrive_and_wait(), ++done; }));
    REQUIRE(pool.Submit("b", [&] { both.arrive_and_wait(), ++done; }));
    REQUIRE(Eventually([&] { return done == 2; }));
  }
}

TEST_CASE("WorkerPool: threads end when there is nothing to do, and begin again") {
  WorkerPool pool(4, 100, /*patience=*/1ms);
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> done = 0;
    for (int i = 0; i < 8; ++i) REQUIRE(pool.Submit(std::to_string(i), [&] { ++done; }));
    REQUIRE(Eventually([&] { return done == 8; }));
    REQUIRE(Eventually([&] { return pool.threads() == 0; }));
  }
}

TEST_CASE("WorkerPool: past its limit it refuses, and after Stop() too") {
  WorkerPool pool(1, 2);
  std::latch go(1);
  std::atomic<bool> running = false;
  REQUIRE(pool.Submit("busy", [&] {
    running = true;
    go.wait();
  }));
  REQUIRE(Eventually([&] { return running.load(); }));
  CHECK(pool.Submit("x", [] {}));
  CHECK(pool.Submit("y", [] {}));
  CHECK_FALSE(pool.Submit("z", [] {}));
  go.count_down();
  pool.Stop();
  CHECK_FALSE(pool.Submit("x", [] {}));
}

TEST_CASE("WorkerPool: Stop() waits for what runs and drops what waits") {
  std::atomic<bool> finished = false;
  std::atomic<bool> dropped_ran = false;
  std::atomic<bool> running = false;
  std::latch go(1);
  WorkerPool pool(1, 10'000'000);  // Never full: a refusal below means Stop().
  REQUIRE(pool.Submit("runs", [&] {
    running = true;
    go.wait();
    finished = true;
  }));
  REQUIRE(Eventually([&] { return running.load(); }));
  REQUIRE(pool.Submit("waits", [&] { dropped_ran = true; }));
  std::thread stopper([&] { pool.Stop(); });
  // Stop() has begun once nothing is taken any more; only then may the job end.
  REQUIRE(Eventually([&] { return !pool.Submit("probe", [] {}); }));
  go.count_down();
  stopper.join();
  CHECK(finished);
  CHECK_FALSE(dropped_ran);
}

}  // namespace sf
