// SPDX-License-Identifier: Apache-2.0
#include "node/storage_lock.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <optional>

namespace sf {

TEST_CASE("StorageLock: a second daemon on the same folder is refused until the first is gone") {
  const auto folder =
      std::filesystem::temp_directory_path() / ("sf-lock-" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::optional<StorageLock> first = StorageLock::Take(folder).value();
  const auto second = StorageLock::Take(folder);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Code::kConflict);
  CHECK_THAT(second.error().message, Catch::Contains("another sf-node uses " + folder.string()));
  first.reset();
  CHECK(StorageLock::Take(folder));
  std::filesystem::remove_all(folder);
}

TEST_CASE("StorageLock: a folder that is not there is named") {
  const auto lock = StorageLock::Take("/nonexistent-sf");
  REQUIRE_FALSE(lock);
  CHECK_THAT(lock.error().message, Catch::Contains("/nonexistent-sf/lock"));
}

}  // namespace sf
