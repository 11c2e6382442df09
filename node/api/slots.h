// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <semaphore>

namespace sf::api {

/// Room for so many of something at once, and how many found none.
///
/// Thread: any.
class Slots {
 public:
  explicit Slots(std::ptrdiff_t most) : free_(most) {}

  [[nodiscard]] bool Take() {
    if (free_.try_acquire()) return true;
    ++refused_;
    return false;
  }
  void GiveBack() { free_.release(); }

  const std::atomic<std::uint64_t>& refused() const { return refused_; }

 private:
  std::counting_semaphore<> free_;
  std::atomic<std::uint64_t> refused_ = 0;
};

}  // namespace sf::api
