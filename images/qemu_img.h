// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <stop_token>
#include <string>

#include "node/base/result.h"

namespace sf::images {

/// The two formats that we take from strangers. Always told to qemu-img and never probed by it.
enum class DiskFormat { kRaw, kQcow2 };
std::string ToString(DiskFormat format);

/// The virtual size of the image at `path`. Only for a file whose header ParseQcow2Header() has
/// found to refer to nothing else: qemu-img opens what a header names.
Result<std::uint64_t> QemuImgVirtualSize(const std::filesystem::path& path, DiskFormat format);

/// How many bytes a qcow2 with the content of the overlay at `path` takes, at the most. Also of one
/// that is in use.
Result<std::uint64_t> QemuImgMeasure(const std::filesystem::path& path);

/// Writes the content of `source` to `destination` as qcow2. What `source` refers to is read, so it
/// is either a file that QemuImgVirtualSize() may be asked of, or an overlay of our own.
Result<void> QemuImgConvert(const std::filesystem::path& source, DiskFormat format,
                            const std::filesystem::path& destination, std::chrono::seconds deadline,
                            const std::stop_token& stop = {});

}  // namespace sf::images
