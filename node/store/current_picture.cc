// SPDX-License-Identifier: Apache-2.0
#include "node/store/current_picture.h"

#include <algorithm>
#include <utility>

#include "node/base/log.h"

namespace sf::store {

CurrentPicture::CurrentPicture(Store& store, Picture remembered)
    : reader_(store), picture_(std::make_shared<const Picture>(std::move(remembered))) {}

Reading CurrentPicture::Read() {
  std::unique_lock lock(mutex_);
  const Clock::time_point needed = std::max(Clock::now() - kMaxAge, changed_);
  while (as_of_ < needed && !away_) {
    if (!reading_) Begin();
    if (!reading_ || done_.wait_until(lock, *reading_ + kPatience) == std::cv_status::timeout) {
      break;
    }
  }
  return {picture_, as_of_ < needed};
}

std::shared_ptr<const Picture> CurrentPicture::Last() {
  const std::lock_guard lock(mutex_);
  return picture_;
}

void CurrentPicture::NoteChange() {
  const std::lock_guard lock(mutex_);
  changed_ = Clock::now();
}

void CurrentPicture::Tick() {
  const std::lock_guard lock(mutex_);
  if (!reading_) Begin();
}

void CurrentPicture::AddMetrics(Metrics& metrics) const {
  metrics.Gauge("shakenfist_database_up", "Whether the database answered when it was last asked.",
                [this] {
                  const std::lock_guard lock(mutex_);
                  return away_ ? 0 : 1;
                });
}

void CurrentPicture::Begin() {
  const Clock::time_point now = Clock::now();
  if (worker_.Submit("picture", [this, now] { ReadAnew(now); })) reading_ = now;
}

void CurrentPicture::ReadAnew(Clock::time_point begun) {
  auto picture = reader_.Read(*picture_);  // Only this thread replaces it.
  const std::lock_guard lock(mutex_);
  if (picture) {
    picture_ = std::make_shared<const Picture>(*std::move(picture));
    as_of_ = begun;
  }
  if (std::exchange(away_, !picture) != !picture) {
    if (picture) {
      log::Info("reads are answered from the database's rows again");
    } else {
      log::Warn("reads are answered from the last picture error={}", picture.error().message);
    }
  }
  reading_.reset();
  done_.notify_all();
}

}  // namespace sf::store
