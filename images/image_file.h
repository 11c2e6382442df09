// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>

#include "images/qemu_img.h"
#include "node/base/result.h"

namespace sf::images {

struct DiskLimits {
  std::uint64_t max_unpacked_bytes = std::uint64_t{50} << 30;
  std::uint64_t max_virtual_bytes = std::uint64_t{2} << 40;
  std::chrono::seconds convert_deadline = std::chrono::hours(1);
};

/// A disk image that we accept: a qcow2 that stands alone, or a raw disk.
struct DiskImage {
  DiskFormat format = DiskFormat::kRaw;
  std::uint64_t virtual_bytes = 0;
  bool changed = false;  ///< unpacked or converted: no longer the bytes that came
};

/// Judges a stranger's file. The error says why it is no disk image of ours; nothing that the file
/// refers to is opened on the way.
Result<DiskImage> IdentifyDiskImage(const std::filesystem::path& path, const DiskLimits& limits);

/// Makes `source`, which may be compressed, into a qcow2 at `destination`, and says what it was.
/// `source` is used up. Works in the directory of `destination`, which the caller clears after an
/// error.
Result<DiskImage> MakeQcow2(const std::filesystem::path& source,
                            const std::filesystem::path& destination, const DiskLimits& limits,
                            const std::stop_token& stop = {});

}  // namespace sf::images
