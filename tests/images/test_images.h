// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "images/child_process.h"
#include "images/qcow2.h"
#include "tests/images/test_directory.h"

namespace sf::test {

/// A raw disk of `bytes` with a partition table's mark and something to tell it by.
inline std::string RawDisk(std::size_t bytes, const std::string& content = "content") {
  std::string disk(bytes, '\0');
  disk[510] = '\x55';
  disk[511] = '\xaa';
  disk.replace(700, content.size(), content);
  return disk;
}

/// An empty qcow2 image, as bytes.
inline std::string Qcow2(std::uint64_t virtual_bytes,
                         const std::optional<std::filesystem::path>& backing = std::nullopt) {
  const TestDirectory directory;
  SF_CHECK(images::WriteOverlay(directory / "image", virtual_bytes, backing).has_value());
  return ReadFile(directory / "image");
}

/// The bytes as `tool` (gzip, xz, bzip2, zstd) compresses them.
inline std::string Compressed(const std::string& tool, const std::string& bytes) {
  const TestDirectory directory;
  WriteFile(directory / "plain", bytes);
  auto packed =
      images::RunChild({tool, "-c", (directory / "plain").string()}, {.output = 16 << 20});
  SF_CHECK(packed.has_value());
  return *std::move(packed);
}

}  // namespace sf::test
