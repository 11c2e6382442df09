// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "node/base/result.h"

namespace sf::compute {

/// Calls into a library that has no time limit and cannot be interrupted, each waited for only so
/// long. One that has no answer by then is abandoned: it goes on, on its own thread, until the
/// library lets it, and meanwhile another with its key is refused at once. So nothing piles up
/// behind one object that is stuck, nor behind a server that is.
///
/// Thread: any.
class BoundedCalls {
 public:
  BoundedCalls(std::size_t most_abandoned, std::chrono::milliseconds patience)
      : most_abandoned_(most_abandoned), patience_(patience) {}

  /// What `call` gives, or kUnavailable. It may outlive this call, and this object: it has to own
  /// all that it uses.
  template <class T>
  Result<T> Run(const std::string& key, std::function<Result<T>()> call) {
    struct Answer {
      std::condition_variable changed;
      std::optional<Result<T>> result;  // guarded by Shared::mutex
      bool abandoned = false;           // likewise
    };
    TRY(Admit(key));
    const auto answer = std::make_shared<Answer>();
    TRY(Begin([shared = shared_, answer, key, call = std::move(call)]() mutable {
      auto result = call();
      call = nullptr;  // What it owns is released before anybody goes on.
      const std::lock_guard lock(shared->mutex);
      if (answer->abandoned) shared->abandoned.erase(shared->abandoned.find(key));
      answer->result.emplace(std::move(result));
      answer->changed.notify_all();
    }));
    std::unique_lock lock(shared_->mutex);
    if (answer->changed.wait_for(lock, patience_, [&] { return answer->result.has_value(); })) {
      return std::move(*answer->result);
    }
    answer->abandoned = true;
    shared_->abandoned.insert(key);
    return GivenUp(key);
  }

  std::size_t abandoned() const;

 private:
  struct Shared {
    std::mutex mutex;
    std::multiset<std::string> abandoned;  // keys
  };

  Result<void> Admit(const std::string& key) const;
  static Result<void> Begin(std::function<void()> body);
  tl::unexpected<Error> GivenUp(const std::string& key) const;

  const std::size_t most_abandoned_;
  const std::chrono::milliseconds patience_;
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace sf::compute
