// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "node/base/result.h"

namespace sf::compute {

/// What a process has taken up to now.
struct ProcessUsage {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;
};

/// This process, as "sf-node", and the QEMU of each domain whose name begins with `prefix`, as
/// "qemu-" and the rest of that name. Read from `proc`; a process that ends meanwhile is left out.
Result<std::map<std::string, ProcessUsage>> ReadProcessUsage(
    const std::string& prefix, const std::filesystem::path& proc = "/proc");

/// Of this process and the QEMUs of the cluster's instances here: process_cpu_fraction_NAME, how
/// much of one processor each takes, seen for half a second, and process_resident_bytes_NAME.
/// Thread: any (sleeps so long).
Result<std::map<std::string, double>> MeasureProcesses(const std::string& cluster_id);

}  // namespace sf::compute
