// SPDX-License-Identifier: Apache-2.0
#include "compute/capacity.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <system_error>

namespace sf::compute {
namespace {

/// The number that `text` begins with, after blanks.
template <class Number>
Result<Number> LeadingNumber(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  Number number{};
  const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failure != std::errc()) return Fail(Code::kCorrupt, "not a number: '{:.20}'", text);
  return number;
}

/// The value of the line "`key`:  N kB", in bytes.
Result<std::uint64_t> MeminfoBytes(std::string_view text, std::string_view key) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.starts_with(key) || line.substr(key.size(), 1) != ":") continue;
    return TRY(LeadingNumber<std::uint64_t>(line.substr(key.size() + 1))) * 1024;
  }
  return Fail(Code::kCorrupt, "/proc/meminfo has no {}", key);
}

Result<std::string> ReadProc(const char* path) {
  std::ifstream file(path);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return Fail(Code::kInternal, "{} cannot be read", path);
  return text;
}

}  // namespace

Result<Capacity> ReadCapacity(const std::filesystem::path& storage) {
  const std::string loadavg = TRY(ReadProc("/proc/loadavg"));
  const std::string meminfo = TRY(ReadProc("/proc/meminfo"));
  Capacity capacity;
  capacity.cpus = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  capacity.load = TRY(ParseLoadavg(loadavg));
  capacity.memory = TRY(ParseMeminfo(meminfo));
  capacity.disk = TRY(ReadDiskSpace(storage));
  return capacity;
}

Result<DiskSpace> ReadDiskSpace(const std::filesystem::path& path) {
  struct statvfs figures {};
  if (statvfs(path.c_str(), &figures) != 0) {
    return Fail(Code::kInternal, "disk space of {}: {}", path.string(), std::strerror(errno));
  }
  return DiskSpace{.total_bytes = figures.f_blocks * figures.f_frsize,
                   .free_bytes = figures.f_bavail * figures.f_frsize};
}

Result<std::uint64_t> AllocatedBytes(const std::filesystem::path& folder) {
  constexpr std::uint64_t kStatBlock = 512;  // Whatever the file system's own block size is.
  std::uint64_t total = 0;
  std::error_code error;
  for (auto entry = std::filesystem::recursive_directory_iterator(folder, error);
       !error && entry != std::filesystem::recursive_directory_iterator(); entry.increment(error)) {
    struct stat figures {};
    // A file that is gone since it was listed takes up nothing.
    if (lstat(entry->path().c_str(), &figures) == 0) {
      total += static_cast<std::uint64_t>(figures.st_blocks) * kStatBlock;
    }
  }
  // An instance that is being removed takes its folder away under us.
  if (error && error != std::errc::no_such_file_or_directory) {
    return Fail(Code::kInternal, "what is below {} cannot be counted: {}", folder.string(),
                error.message());
  }
  return total;
}

Result<Memory> ParseMeminfo(std::string_view text) {
  Memory memory;
  memory.total_bytes = TRY(MeminfoBytes(text, "MemTotal"));
  memory.available_bytes = TRY(MeminfoBytes(text, "MemAvailable"));
  return memory;
}

Result<double> ParseLoadavg(std::string_view text) { return LeadingNumber<double>(text); }

}  // namespace sf::compute
