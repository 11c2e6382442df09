// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "node/base/result.h"

namespace sf::compute {

struct Memory {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;
};

struct DiskSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;
};

/// What this host has, and has left.
struct Capacity {
  int cpus = 0;
  double load = 0;  ///< Average of the last minute.
  Memory memory;
  DiskSpace disk;
};

/// `storage`: a path on the file system that instances lie on.
Result<Capacity> ReadCapacity(const std::filesystem::path& storage);

Result<DiskSpace> ReadDiskSpace(const std::filesystem::path& path);

/// What the files below `folder` take up on the disk: for a sparse file less than it seems to hold.
Result<std::uint64_t> AllocatedBytes(const std::filesystem::path& folder);

/// From /proc/meminfo, not libvirt: its virNodeGetInfo() misses memory that was added later.
Result<Memory> ParseMeminfo(std::string_view text);
/// The first figure of /proc/loadavg.
Result<double> ParseLoadavg(std::string_view text);

}  // namespace sf::compute
