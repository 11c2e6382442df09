// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "node/base/result.h"

namespace sf::images {

/// Unpacks a file compressed by gzip, xz, bzip2 or zstd, told by its content, into `destination`
/// and returns the number of unpacked bytes; nothing if the file is not compressed. More than
/// `limit` bytes is kTooLarge. Zeros become holes. `destination` is the caller's to remove after an
/// error.
Result<std::optional<std::uint64_t>> Decompress(const std::filesystem::path& source,
                                                const std::filesystem::path& destination,
                                                std::uint64_t limit,
                                                const std::stop_token& stop = {});

/// Writes `files` (path inside the volume -> content) as an ISO9660 volume with Joliet and Rock
/// Ridge names. Replaces what is at `path`.
Result<void> WriteIso(const std::filesystem::path& path, const std::string& volume_id,
                      const std::map<std::string, std::string>& files);

}  // namespace sf::images
