// SPDX-License-Identifier: Apache-2.0
#include "compute/capacity.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace {

using namespace sf::compute;

constexpr char kMeminfo[] =
    "MemTotal:       24658448 kB\n"
    "MemFree:        20000000 kB\n"
    "MemAvailable:   23512340 kB\n"
    "HugePages_Total:       0\n";

}  // namespace

TEST_CASE("Capacity: total and available memory are read from meminfo") {
  const auto memory = ParseMeminfo(kMeminfo);
  REQUIRE(memory);
  CHECK(memory->total_bytes == 24658448ULL * 1024);
  CHECK(memory->available_bytes == 23512340ULL * 1024);
}

TEST_CASE("Capacity: a meminfo without a figure is an error") {
  const auto* text =
      GENERATE("", "\n\n", "MemTotal: 1 kB\n", "MemTotal: x kB\nMemAvailable: 1 kB\n",
               "MemTotal:\nMemAvailable:\n", "MemTotal", "MemTotalX: 1\n");
  CHECK(ParseMeminfo(text).error().code == sf::Code::kCorrupt);
}

TEST_CASE("Capacity: the load is that of the last minute") {
  CHECK(ParseLoadavg("1.25 0.80 0.40 2/345 6789\n").value() == Approx(1.25));
  CHECK_FALSE(ParseLoadavg(""));
  CHECK_FALSE(ParseLoadavg("load"));
}

TEST_CASE("Capacity: this host has some of everything") {
  const auto capacity = ReadCapacity("/");
  REQUIRE(capacity);
  CHECK(capacity->cpus > 0);
  CHECK(capacity->memory.available_bytes <= capacity->memory.total_bytes);
  CHECK(capacity->disk.free_bytes <= capacity->disk.total_bytes);
  CHECK(capacity->disk.total_bytes > 0);
  CHECK_FALSE(ReadCapacity("/nonexistent"));
}

TEST_CASE(
    "Capacity: a sparse file counts for what it takes up, and a folder that is gone for nothing") {
  const auto folder = std::filesystem::temp_directory_path() / "sf-capacity-test";
  std::filesystem::remove_all(folder);
  CHECK(AllocatedBytes(folder).value() == 0);
  std::filesystem::create_directories(folder / "instance");
  const auto path = folder / "instance" / "disk0.qcow2";
  std::ofstream(path) << "some bytes";
  std::filesystem::resize_file(path, 1 << 30);
  const auto taken = AllocatedBytes(folder);
  REQUIRE(taken);
  CHECK(*taken > 0);
  CHECK(*taken < 1 << 20);
  std::filesystem::remove_all(folder);
}
