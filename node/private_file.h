// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "node/base/result.h"

namespace sf {

/// Replaces `path` whole, on the disk before this returns, readable by its owner only. Whoever
/// reads it sees the old text or the new one. Thread: worker (blocks).
Result<void> WritePrivateFile(const std::filesystem::path& path, std::string_view text);

/// kNotFound if there is none; kInternal if it is longer than `limit`.
Result<std::string> ReadPrivateFile(const std::filesystem::path& path, std::size_t limit = 1 << 20);

/// A secret that an operator put there: kInvalid also if anybody but its owner may touch the file.
Result<std::string> ReadSecretFile(const std::filesystem::path& path, std::size_t limit = 1 << 20);

}  // namespace sf
