// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <utility>

namespace sf {

/// A value with one writer and many readers, who get it whole: what a reader holds never changes,
/// however often a newer one is written meanwhile.
///
/// Thread: any.
template <class T>
class Published {
 public:
  Published() : value_(std::make_shared<const T>()) {}

  std::shared_ptr<const T> Read() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  void Write(T value) {
    auto next = std::make_shared<const T>(std::move(value));
    const std::lock_guard lock(mutex_);
    value_.swap(next);  // The old one, if nobody reads it any more, goes after the lock.
  }

 private:
  mutable std::mutex mutex_;  // guards value_
  std::shared_ptr<const T> value_;
};

}  // namespace sf
