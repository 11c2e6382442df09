// SPDX-License-Identifier: Apache-2.0
#include "compute/process_usage.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/images/test_directory.h"

namespace {

using namespace sf::compute;

constexpr char kGuest[] = "11111111-1111-4111-8111-111111111111";

/// 3 s for itself, 2 s in the kernel, and 7 pages; its name would mislead who counts words.
void AddProcess(const std::filesystem::path& folder, const std::string& command_line) {
  std::filesystem::create_directories(folder);
  const auto ticks = ::sysconf(_SC_CLK_TCK);
  std::ofstream(folder / "stat") << "12 (a ) (b) S 1 2 3 4 5 6 7 8 9 10 " << 3 * ticks << ' '
                                 << 2 * ticks << " 0 0 20 0 1 0 100 4096 7 0 0\n";
  std::ofstream(folder / "cmdline", std::ios::binary) << command_line;
}

TEST_CASE("ProcessUsage: this process and the QEMUs of our domains, and no others") {
  const sf::test::TestDirectory proc;
  AddProcess(proc.path() / "self", "sf-node");
  AddProcess(proc.path() / "12", fmt::format("qemu -name guest=sf-7e57c0de-{},x=on -m", kGuest));
  AddProcess(proc.path() / "13", fmt::format("qemu -name guest=sf-0badf00d-{},x=on -m", kGuest));
  AddProcess(proc.path() / "14", "");
  std::filesystem::create_directories(proc.path() / "15");  // It ended just now.
  const auto usage = ReadProcessUsage("sf-7e57c0de-", proc.path()).value();
  REQUIRE(usage.size() == 2);
  CHECK(usage.contains("sf-node"));
  const ProcessUsage& qemu = usage.at(fmt::format("qemu-{}", kGuest));
  CHECK(qemu.cpu_seconds == Approx(5));
  CHECK(qemu.resident_bytes == 7U * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
}

TEST_CASE("ProcessUsage: who does nothing takes little") {
  const auto idle = MeasureProcesses("7e57c0de-0000-4000-8000-000000000001").value();
  CHECK(idle.at("process_cpu_fraction_sf-node") < 0.5);
  CHECK(idle.at("process_resident_bytes_sf-node") > 0);
}

}  // namespace
