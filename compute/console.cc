// SPDX-License-Identifier: Apache-2.0
#include "compute/console.h"

#include <algorithm>
#include <fstream>
#include <system_error>

namespace sf::compute {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxBackups = 100;  // Bounds the loops; virtlogd keeps 3 by default.

fs::path Backup(const fs::path& log, int number) {
  return fs::path(log).concat(fmt::format(".{}", number));
}

/// The last `length` bytes of `path`, or fewer if it has no more.
Result<std::string> ReadTail(const fs::path& path, std::int64_t length) {
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  const std::int64_t size = file.tellg();
  if (!file || size < 0) return Fail(Code::kInternal, "console {}: cannot be read", path.string());
  const std::int64_t wanted = std::min(size, length);
  std::string bytes(static_cast<std::size_t>(wanted), '\0');
  file.seekg(size - wanted);
  file.read(bytes.data(), wanted);
  bytes.resize(static_cast<std::size_t>(file.gcount()));  // It may have been truncated meanwhile.
  return bytes;
}

}  // namespace

Result<std::string> ReadConsole(const fs::path& log, std::int64_t length) {
  const std::int64_t wanted = length < 0 ? kMaxConsoleRead : std::min(length, kMaxConsoleRead);
  std::string tail;
  std::error_code ignored;
  fs::path path = log;
  for (int i = 0; i < kMaxBackups && fs::exists(path, ignored); path = Backup(log, i++)) {
    const auto missing = wanted - static_cast<std::int64_t>(tail.size());
    if (missing == 0) break;
    tail.insert(0, TRY(ReadTail(path, missing)));
  }
  return tail;
}

Result<void> TruncateConsole(const fs::path& log) {
  std::error_code failure;
  for (int i = 0; i < kMaxBackups && fs::remove(Backup(log, i), failure); ++i) {
  }
  if (!failure && fs::exists(log, failure)) fs::resize_file(log, 0, failure);
  if (failure) {
    return Fail(Code::kInternal, "console {}: {}", log.string(), failure.message());
  }
  return {};
}

}  // namespace sf::compute
