// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "node/base/metrics.h"
#include "node/base/worker_pool.h"
#include "node/store/picture.h"
#include "node/store/picture_reader.h"
#include "node/store/store.h"

namespace sf::store {

/// A picture, and whether it can be behind by more than it may.
struct Reading {
  std::shared_ptr<const Picture> picture;
  bool stale = false;  ///< the database does not answer; this is the last picture
};

/// The picture of the rows that all reads share. It is read anew when somebody asks for it and it
/// is older than kMaxAge, and at least once a second; however many ask, it is read once. So a node
/// that nobody asks costs the database one small query a second.
///
/// Thread: any; it is read on a worker of its own, for requests wait for it.
class CurrentPicture {
 public:
  static constexpr std::chrono::milliseconds kMaxAge{300};
  /// For so long a reader waits for the database; then the last picture has to do.
  static constexpr std::chrono::seconds kPatience{1};

  /// Begins with what was remembered, which is stale.
  CurrentPicture(Store& store, Picture remembered);

  /// Waits for kPatience at most, and not at all while the database is known to be away.
  Reading Read();
  /// The newest there is, without waiting.
  std::shared_ptr<const Picture> Last();
  /// Rows have changed, here or elsewhere: whoever reads from now on sees that.
  void NoteChange();
  /// Once a second.
  void Tick();
  void AddMetrics(Metrics& metrics) const;

 private:
  using Clock = std::chrono::steady_clock;

  void Begin();                      // needs mutex_
  void ReadAnew(Clock::time_point);  // worker

  PictureReader reader_;      // of the worker
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable done_;
  std::shared_ptr<const Picture> picture_;
  Clock::time_point as_of_;                   ///< when its reading began
  Clock::time_point changed_;                 ///< of the last change that we were told of
  std::optional<Clock::time_point> reading_;  ///< since when it is being read
  bool away_ = false;                         ///< the last reading failed
  WorkerPool worker_{1, 2};
};

}  // namespace sf::store
