// SPDX-License-Identifier: Apache-2.0
#include "compute/bounded_calls.h"

#include <system_error>
#include <thread>

namespace sf::compute {

Result<void> BoundedCalls::Admit(const std::string& key) const {
  const std::lock_guard lock(shared_->mutex);
  if (shared_->abandoned.contains(key)) {
    return Fail(Code::kUnavailable, "an earlier call, for {}, still has no answer", key);
  }
  if (shared_->abandoned.size() >= most_abandoned_) {
    return Fail(Code::kUnavailable, "{} earlier calls still have no answer", most_abandoned_);
  }
  return {};
}

Result<void> BoundedCalls::Begin(std::function<void()> body) {
  try {
    std::thread(std::move(body)).detach();
  } catch (const std::system_error& error) {
    return Fail(Code::kUnavailable, "no thread for another call: {}", error.what());
  }
  return {};
}

tl::unexpected<Error> BoundedCalls::GivenUp(const std::string& key) const {
  return Fail(Code::kUnavailable, "no answer within {} s, for {}; it may still come about",
              std::chrono::duration<double>(patience_).count(), key);
}

std::size_t BoundedCalls::abandoned() const {
  const std::lock_guard lock(shared_->mutex);
  return shared_->abandoned.size();
}

}  // namespace sf::compute
