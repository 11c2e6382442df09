// SPDX-License-Identifier: Apache-2.0
#include "images/child_process.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <stop_token>
#include <thread>
#include <vector>

#include "images/qemu_img.h"
#include "tests/images/test_images.h"

namespace sf::images {
namespace {

using Catch::Matchers::Contains;
using namespace std::chrono_literals;

TEST_CASE("ChildProcess: its output is returned, a failure carries the end of its errors") {
  CHECK(*RunChild({"echo", "a b", "$HOME"}, {}) == "a b $HOME\n");
  const auto failed = RunChild({"sh", "-c", "echo out; echo the reason >&2; exit 3"}, {});
  REQUIRE(!failed);
  CHECK(failed.error().message == "sh failed: the reason");
  const auto missing = RunChild({"sf-no-such-program"}, {});
  REQUIRE(!missing);
  CHECK_THAT(missing.error().message, Contains("sf-no-such-program"));
}

TEST_CASE("ChildProcess: one that exceeds its deadline or is cancelled is gone when we return") {
  const auto began = std::chrono::steady_clock::now();
  const auto late = RunChild({"sh", "-c", "sleep 60 & sleep 60"}, {.deadline = 1s});
  REQUIRE(!late);
  CHECK(late.error().code == Code::kTimeout);
  CHECK_THAT(late.error().message, Contains("longer than 1 s"));

  std::stop_source source;
  source.request_stop();
  const auto stopped = RunChild({"sleep", "60"}, {}, source.get_token());
  REQUIRE(!stopped);
  CHECK_THAT(stopped.error().message, Contains("cancelled"));
  CHECK(std::chrono::steady_clock::now() - began < 20s);
}

TEST_CASE("ChildProcess: one that writes or takes more than it may is ended") {
  const auto loud = RunChild({"yes"}, {.output = 1000});
  REQUIRE(!loud);
  CHECK(loud.error().code == Code::kTooLarge);
  const auto hungry = RunChild({"dd", "if=/dev/zero", "of=/dev/null", "bs=512M", "count=1"},
                               {.address_space = 64 << 20});
  REQUIRE(!hungry);
  CHECK_THAT(hungry.error().message, Contains("memory"));
}

TEST_CASE("ChildProcess: many at once do not hold each other's pipes open") {
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&right, i] {
      const auto output = RunChild({"sh", "-c", "cat; echo $0", std::to_string(i)}, {});
      if (output && *output == std::to_string(i) + "\n") ++right;
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 16);
}

TEST_CASE(
    "QemuImg: a raw disk becomes a qcow2 of the same content; errors say what qemu-img said") {
  const test::TestDirectory directory;
  test::WriteFile(directory / "disk", test::RawDisk(1 << 20));
  REQUIRE(QemuImgConvert(directory / "disk", DiskFormat::kRaw, directory / "image", 60s));
  CHECK(*QemuImgVirtualSize(directory / "image", DiskFormat::kQcow2) == 1 << 20);
  CHECK(RunChild({"qemu-img", "compare", "-f", "raw", "-F", "qcow2", (directory / "disk").string(),
                  (directory / "image").string()},
                 {}));

  const auto wrong = QemuImgVirtualSize(directory / "disk", DiskFormat::kQcow2);
  REQUIRE(!wrong);
  CHECK_THAT(wrong.error().message, Contains("not in qcow2 format"));
  CHECK(!QemuImgVirtualSize("json:{}", DiskFormat::kRaw));
  CHECK(!QemuImgConvert("nbd:localhost:1", DiskFormat::kRaw, directory / "x", 60s));
}

}  // namespace
}  // namespace sf::images
