// SPDX-License-Identifier: Apache-2.0
#include "node/host_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <system_error>

#include "compute/capacity.h"

namespace sf {
namespace {

/// A field of /proc/self/stat, by its number there; see proc(5).
double StatField(int number) {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // The second is a name in parentheses, which may hold anything.
  std::istringstream fields(text.substr(std::min(text.rfind(')') + 1, text.size())));
  double field = NAN;
  std::string skipped;
  for (int at = 3; at < number; ++at) fields >> skipped;
  fields >> field;
  return field;
}

double CpuSeconds() {
  rusage usage = {};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Since 1970, though the kernel counts from when the host was started.
double StartTime() {
  constexpr int kStartTicks = 22;
  timespec up = {};
  ::clock_gettime(CLOCK_BOOTTIME, &up);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(now).count() - static_cast<double>(up.tv_sec) +
         StatField(kStartTicks) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double OpenFiles() {
  std::error_code error;
  return static_cast<double>(
      std::distance(std::filesystem::directory_iterator("/proc/self/fd", error), {}));
}

double MostFiles() {
  rlimit limit = {};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

void AddProcess(Metrics& metrics) {
  constexpr int kVirtualBytes = 23;
  constexpr int kResidentPages = 24;
  metrics.Counter("process_cpu_seconds_total", "Time of processors that the daemon has taken.",
                  CpuSeconds);
  metrics.Gauge("process_resident_memory_bytes", "Memory of the daemon.", [] {
    return StatField(kResidentPages) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  });
  metrics.Gauge("process_virtual_memory_bytes", "Address space of the daemon.",
                [] { return StatField(kVirtualBytes); });
  metrics.Gauge("process_open_fds", "Open file descriptors of the daemon.", OpenFiles);
  metrics.Gauge("process_max_fds", "How many it may open.", MostFiles);
  metrics.Gauge("process_start_time_seconds", "When the daemon was started, since 1970.",
                [start = StartTime()] { return start; });
}

}  // namespace

void AddHostMetrics(Metrics& metrics, const Config& config) {
  metrics.Gauge("shakenfist_build_info", "1; its labels say which release the daemon is of.",
                [] { return 1; }, {{"version", SF_VERSION}});
  AddProcess(metrics);
  const auto disk = [&](const char* name, const char* help, auto figure) {
    metrics.Gauge(name, help, [figure, path = config.storage_path] {
      const auto space = compute::ReadDiskSpace(path);
      return space ? static_cast<double>((*space).*figure) : NAN;
    });
  };
  disk("shakenfist_storage_free_bytes", "What is left on the disk of STORAGE_PATH.",
       &compute::DiskSpace::free_bytes);
  disk("shakenfist_storage_size_bytes", "The disk of STORAGE_PATH, all of it.",
       &compute::DiskSpace::total_bytes);
  metrics.Gauge(
      "shakenfist_storage_reserve_bytes", "What is to be left there: DISK_RESERVE.",
      [bytes = std::ldexp(static_cast<double>(config.disk_reserve_gib), 30)] { return bytes; });
}

}  // namespace sf
