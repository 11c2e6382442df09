// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "node/base/result.h"

namespace sf::images {

/// What a qcow2 header (docs/interop/qcow2.txt of QEMU, versions 2 and 3) says of its image.
struct Qcow2Header {
  std::uint32_t version = 0;
  std::uint32_t cluster_bits = 0;
  std::uint64_t virtual_bytes = 0;
  bool has_backing_file = false;
  bool has_data_file = false;
  bool encrypted = false;
};

/// The first bytes that ParseQcow2Header() wants to see; a shorter file is given whole.
constexpr std::size_t kQcow2HeadBytes = 64 << 10;

bool IsQcow2(std::string_view head);

/// Reads a stranger's header by itself, so that QEMU's tools, which would open what a header
/// refers to, are only ever shown one that refers to nothing. kCorrupt when it contradicts itself,
/// points outside of the file, or uses a feature we do not know.
Result<Qcow2Header> ParseQcow2Header(std::string_view head, std::uint64_t file_bytes);

/// The image that lies below an overlay of WriteOverlay(), if any.
Result<std::optional<std::filesystem::path>> ReadBackingFile(const std::filesystem::path& overlay);

/// Writes an empty version 3 image of `virtual_bytes` (rounded up to whole sectors), which reads as
/// `backing` (a qcow2 image, named by its absolute path) where nothing was written yet, and as
/// zeros beyond its end. By hand, because qemu-img takes a hundred times as long. Replaces what is
/// there.
Result<void> WriteOverlay(const std::filesystem::path& path, std::uint64_t virtual_bytes,
                          const std::optional<std::filesystem::path>& backing);

}  // namespace sf::images
