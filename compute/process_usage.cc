// SPDX-License-Identifier: Apache-2.0
#include "compute/process_usage.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <system_error>
#include <thread>

#include "compute/domain_spec.h"

namespace sf::compute {
namespace {

constexpr std::size_t kUuidLength = 36;
constexpr std::chrono::milliseconds kPeriod{500};

/// Empty if it cannot be read: its process has ended.
std::string ReadText(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Of a line as in /proc/PID/stat: see proc(5).
std::optional<ProcessUsage> ParseStat(const std::string& text) {
  // The second field is a name in parentheses, which may hold anything.
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return {};
  constexpr int kAfterName = 3, kUserTicks = 14, kSystemTicks = 15, kResidentPages = 24;
  std::istringstream fields(text.substr(name_end + 1));
  std::string field;
  double ticks = 0;
  for (int number = kAfterName; fields >> field; ++number) {
    if (number == kUserTicks || number == kSystemTicks)
      ticks += std::strtod(field.c_str(), nullptr);
    if (number != kResidentPages) continue;
    return ProcessUsage{ticks / static_cast<double>(::sysconf(_SC_CLK_TCK)),
                        std::strtoull(field.c_str(), nullptr, 10) *
                            static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE))};
  }
  return {};
}

/// Of the domain that a QEMU with this command line runs, what follows upon `prefix`; empty for any
/// other process.
std::string GuestOf(const std::string& command_line, const std::string& prefix) {
  const std::string name = "guest=" + prefix;
  const std::size_t found = command_line.find(name);
  if (found == std::string::npos) return "";
  return command_line.substr(found + name.size(), kUuidLength);
}

}  // namespace

Result<std::map<std::string, ProcessUsage>> ReadProcessUsage(const std::string& prefix,
                                                             const std::filesystem::path& proc) {
  std::map<std::string, ProcessUsage> usage;
  const auto add = [&](const std::string& name, const std::filesystem::path& folder) {
    if (const auto of_it = ParseStat(ReadText(folder / "stat"))) usage[name] = *of_it;
  };
  add("sf-node", proc / "self");
  std::error_code error;
  for (auto entry = std::filesystem::directory_iterator(proc, error);
       !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string pid = entry->path().filename().string();
    if (!std::ranges::all_of(pid, [](char c) { return c >= '0' && c <= '9'; })) continue;
    const std::string guest = GuestOf(ReadText(entry->path() / "cmdline"), prefix);
    if (!guest.empty()) add("qemu-" + guest, entry->path());
  }
  if (error) return Fail(Code::kInternal, "{}: {}", proc.string(), error.message());
  return usage;
}

Result<std::map<std::string, double>> MeasureProcesses(const std::string& cluster_id) {
  using Clock = std::chrono::steady_clock;
  const std::string prefix = DomainPrefix(cluster_id);
  const auto begun = Clock::now();
  const auto before = TRY(ReadProcessUsage(prefix));
  std::this_thread::sleep_for(kPeriod);
  const auto after = TRY(ReadProcessUsage(prefix));
  const std::chrono::duration<double> passed = Clock::now() - begun;
  std::map<std::string, double> measured;
  for (const auto& [name, usage] : after) {
    const auto first = before.find(name);
    if (first == before.end()) continue;
    measured["process_cpu_fraction_" + name] =
        std::max(0.0, usage.cpu_seconds - first->second.cpu_seconds) / passed.count();
    measured["process_resident_bytes_" + name] = static_cast<double>(usage.resident_bytes);
  }
  return measured;
}

}  // namespace sf::compute
