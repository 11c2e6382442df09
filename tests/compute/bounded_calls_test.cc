// SPDX-License-Identifier: Apache-2.0
#include "compute/bounded_calls.h"

#include <catch2/catch.hpp>
#include <future>
#include <thread>

namespace {

using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using sf::Code;
using sf::Result;
using sf::compute::BoundedCalls;

/// A server that answers nobody until it is let go.
class Stuck {
 public:
  std::function<Result<int>()> Call(int answer) {
    return [released = released_, answer]() -> Result<int> {
      released.wait();
      return answer;
    };
  }
  void LetGo() { release_.set_value(); }

 private:
  std::promise<void> release_;
  std::shared_future<void> released_ = release_.get_future().share();
};

Result<int> Seven() { return 7; }

void WaitUntilNoneIsAbandoned(const BoundedCalls& calls) {
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (calls.abandoned() > 0 && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(1ms);
  }
  REQUIRE(calls.abandoned() == 0);
}

}  // namespace

TEST_CASE("a call that is answered gives its answer, be it a failure", "[bounded_calls]") {
  BoundedCalls calls(2, 20s);
  CHECK(calls.Run<int>("a", Seven).value() == 7);
  const auto failed =
      calls.Run<int>("a", []() -> Result<int> { return sf::Fail(Code::kConflict, "it is off"); });
  CHECK(failed.error().code == Code::kConflict);
  CHECK(calls.abandoned() == 0);
}

TEST_CASE("a call without an answer is given up, and only its own key waits for it",
          "[bounded_calls]") {
  BoundedCalls calls(4, 20ms);
  Stuck server;
  const auto stuck = calls.Run<int>("a", server.Call(1));
  REQUIRE(!stuck);
  CHECK(stuck.error().code == Code::kUnavailable);
  CHECK_THAT(stuck.error().message, Contains("no answer within 0.02 s, for a"));

  const auto refused = calls.Run<int>("a", Seven);
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::kUnavailable);
  CHECK_THAT(refused.error().message, Contains("earlier call, for a"));
  CHECK(calls.Run<int>("b", Seven).value() == 7);

  server.LetGo();
  WaitUntilNoneIsAbandoned(calls);
  CHECK(calls.Run<int>("a", Seven).value() == 7);
}

TEST_CASE("no more calls are stuck than may be", "[bounded_calls]") {
  BoundedCalls calls(2, 10ms);
  Stuck server;
  CHECK(!calls.Run<int>("a", server.Call(1)));
  CHECK(!calls.Run<int>("b", server.Call(2)));
  const auto refused = calls.Run<int>("c", Seven);
  REQUIRE(!refused);
  CHECK_THAT(refused.error().message, Contains("2 earlier calls"));
  server.LetGo();
  WaitUntilNoneIsAbandoned(calls);
  CHECK(calls.Run<int>("c", Seven).value() == 7);
}

TEST_CASE("what is stuck may outlive whoever asked", "[bounded_calls]") {
  Stuck server;
  auto owned = std::make_shared<int>(1);
  const std::weak_ptr<int> watched = owned;
  {
    BoundedCalls calls(2, 10ms);
    CHECK(
        !calls.Run<int>("a", [owned = std::move(owned), wait = server.Call(0)] { return wait(); }));
  }
  CHECK(!watched.expired());
  server.LetGo();
  const auto end = std::chrono::steady_clock::now() + 20s;
  while (!watched.expired() && std::chrono::steady_clock::now() < end) {
    std::this_thread::sleep_for(1ms);
  }
  CHECK(watched.expired());
}
