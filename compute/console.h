// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "node/base/result.h"

namespace sf::compute {

/// More than this is never read at once; virtlogd keeps 8 MiB of each console by default.
constexpr std::int64_t kMaxConsoleRead = 16 << 20;

/// The last `length` bytes of what a guest wrote to its serial console, or all that is kept if
/// `length` is negative. Reads through the backups that virtlogd has rotated out (`log`.0 is the
/// newest). A console without a log has written nothing.
///
/// Thread: worker. A rotation in the middle of it may repeat or leave out a part.
Result<std::string> ReadConsole(const std::filesystem::path& log, std::int64_t length);

/// Forgets what was written so far. virtlogd appends, so it may have the log open meanwhile.
Result<void> TruncateConsole(const std::filesystem::path& log);

}  // namespace sf::compute
