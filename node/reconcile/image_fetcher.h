// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "images/image_cache.h"
#include "node/store/store.h"

namespace sf::reconcile {

/// Brings images to this node and tells the database how that went: progress while it lasts, then a
/// version of the artifact, or the error that the artifact and whoever waits for it end in.
///
/// Thread: worker.
class ImageFetcher {
 public:
  ImageFetcher(NodeId self, std::filesystem::path images_folder, std::uint64_t reserve_bytes,
               store::Store& store, images::ImageCache& cache)
      : self_(std::move(self)),
        folder_(std::move(images_folder)),
        reserve_bytes_(reserve_bytes),
        store_(store),
        cache_(cache) {}

  /// An Error means that the database could not be told, or that the fetch was stopped.
  Result<void> Fetch(const std::string& url, const std::stop_token& stop);

  /// Removes images that no instance here uses while less than the reserve is free.
  Result<void> MakeRoom();

 private:
  const NodeId self_;
  const std::filesystem::path folder_;
  const std::uint64_t reserve_bytes_;
  store::Store& store_;
  images::ImageCache& cache_;
};

}  // namespace sf::reconcile
