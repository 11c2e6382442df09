// SPDX-License-Identifier: Apache-2.0
#include "images/qcow2.h"

#include <catch2/catch.hpp>

#include "images/child_process.h"
#include "images/qemu_img.h"
#include "tests/images/test_images.h"

namespace sf::images {
namespace {

using Catch::Matchers::Contains;
using test::Qcow2;

constexpr std::uint64_t kMiB = 1 << 20;
constexpr std::uint64_t kTiB = std::uint64_t{1} << 40;

void Put(std::string& bytes, std::size_t offset, std::size_t width, std::uint64_t value) {
  for (std::size_t i = width; i-- > 0; value >>= 8) bytes[offset + i] = static_cast<char>(value);
}

/// An image with one number of its header replaced, read as if it were on disk.
Result<Qcow2Header> WithNumber(std::size_t offset, std::size_t width, std::uint64_t value) {
  std::string image = Qcow2(kMiB);
  Put(image, offset, width, value);
  return ParseQcow2Header(std::string_view(image).substr(0, kQcow2HeadBytes), image.size());
}

std::string Refusal(const Result<Qcow2Header>& parsed) {
  REQUIRE(!parsed);
  CHECK(parsed.error().code == Code::kCorrupt);
  return parsed.error().message;
}

std::string Run(const std::vector<std::string>& command) {
  const auto output = RunChild(command, {});
  INFO((output ? "" : output.error().message));
  REQUIRE(output);
  return *output;
}

TEST_CASE("Qcow2: our overlays are sound to qemu-img at every size, with and without a base") {
  const test::TestDirectory directory;
  const auto base = directory / "base.qcow2";
  const auto path = directory / "overlay.qcow2";
  REQUIRE(WriteOverlay(base, kMiB, std::nullopt));
  for (const std::uint64_t size : {kMiB, kMiB + 512, 512 * kMiB, 512 * kMiB + 512, 64 * 1024 * kMiB,
                                   10 * kTiB, 11 * kTiB + 512}) {
    for (const bool with_base : {false, true}) {
      CAPTURE(size, with_base);
      REQUIRE(WriteOverlay(path, size, with_base ? std::optional(base) : std::nullopt));
      CHECK_THAT(Run({"qemu-img", "check", path.string()}), Contains("No errors were found"));
      const auto virtual_bytes = QemuImgVirtualSize(path, DiskFormat::kQcow2);
      CHECK(virtual_bytes.has_value() == !with_base);  // which refuses a file with a base
      const std::string told = Run({"qemu-img", "info", "--output=json", path.string()});
      CHECK_THAT(told, Contains("\"virtual-size\": " + std::to_string(size)));
      CHECK(Contains("\"backing-filename-format\": \"qcow2\"").match(told) == with_base);

      const std::string image = test::ReadFile(path);
      const auto header =
          ParseQcow2Header(std::string_view(image).substr(0, kQcow2HeadBytes), image.size());
      REQUIRE(header);
      CHECK(header->virtual_bytes == size);
      CHECK(header->has_backing_file == with_base);
    }
  }
}

TEST_CASE("Qcow2: an overlay reads as its base, keeps what is written, and leaves the base alone") {
  const test::TestDirectory directory;
  const auto raw = directory / "base.raw";
  const auto base = directory / "base.qcow2";
  const auto overlay = directory / "overlay.qcow2";
  std::string content = test::RawDisk(3 * kMiB);
  for (std::size_t i = 4096; i < content.size(); ++i) {
    content[i] = static_cast<char>(i * 7 + i / 251);
  }
  test::WriteFile(raw, content);
  REQUIRE(QemuImgConvert(raw, DiskFormat::kRaw, base, std::chrono::seconds(60)));

  REQUIRE(WriteOverlay(overlay, 3 * kMiB, base));
  CHECK(ReadBackingFile(overlay).value() == base);
  CHECK_FALSE(ReadBackingFile(base).value());
  CHECK(ReadBackingFile(raw).error().code == Code::kCorrupt);
  Run({"qemu-img", "compare", "-f", "raw", "-F", "qcow2", raw.string(), overlay.string()});

  REQUIRE(WriteOverlay(overlay, 700 * kMiB, base));
  const std::string before = test::ReadFile(base);
  Run({"qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 1M 4k", "-c", "write -P 0xa5 600M 64k",
       overlay.string()});
  Run({"qemu-io", "-f", "qcow2", "-c", "read -P 0x5a 1M 4k", "-c", "read -P 0xa5 600M 64k", "-c",
       "read -P 0 650M 1M", overlay.string()});
  CHECK_THAT(Run({"qemu-img", "check", overlay.string()}), Contains("No errors were found"));
  CHECK(test::ReadFile(base) == before);
}

TEST_CASE("Qcow2: an overlay that cannot be is refused") {
  const test::TestDirectory directory;
  const auto path = directory / "overlay";
  CHECK(!WriteOverlay(path, 0, std::nullopt));
  CHECK(!WriteOverlay(path, ~std::uint64_t{0}, std::nullopt));
  CHECK(!WriteOverlay(path, kMiB, "relative.qcow2"));
  CHECK(!WriteOverlay(path, kMiB, "/" + std::string(1023, 'x')));
  CHECK(!WriteOverlay(directory / "no/such/directory", kMiB, std::nullopt));
  CHECK(test::FilesBelow(directory.path()).empty());
}

TEST_CASE("Qcow2: a header that refers to another file, or hides its content, is known for it") {
  const auto parse = [](const std::string& image) {
    return ParseQcow2Header(std::string_view(image).substr(0, kQcow2HeadBytes), image.size());
  };
  CHECK(parse(Qcow2(kMiB, "/etc/passwd"))->has_backing_file);
  CHECK(WithNumber(8, 8, 104)->has_backing_file);  // a place without a length
  CHECK(WithNumber(16, 4, 5)->has_backing_file);   // a length without a place
  CHECK(WithNumber(72, 8, 1 << 2)->has_data_file);
  CHECK(WithNumber(104, 4, 0x44415441)->has_data_file);  // the name alone
  CHECK(WithNumber(32, 4, 1)->encrypted);
  CHECK(WithNumber(32, 4, 2)->encrypted);
  const auto plain = parse(Qcow2(kMiB));
  CHECK((!plain->has_backing_file && !plain->has_data_file && !plain->encrypted));
  CHECK(plain->version == 3);
}

TEST_CASE("Qcow2: a header that contradicts itself or its file is refused") {
  CHECK_THAT(Refusal(WithNumber(4, 4, 1)), Contains("version is 1"));
  CHECK_THAT(Refusal(WithNumber(4, 4, 4)), Contains("version is 4"));
  CHECK_THAT(Refusal(WithNumber(20, 4, 8)), Contains("2^8"));
  CHECK_THAT(Refusal(WithNumber(20, 4, 22)), Contains("2^22"));
  CHECK_THAT(Refusal(WithNumber(20, 4, 0xffffffff)), Contains("cluster size"));
  CHECK_THAT(Refusal(WithNumber(24, 8, kTiB)), Contains("virtual size"));
  CHECK_THAT(Refusal(WithNumber(24, 8, ~std::uint64_t{0})), Contains("virtual size"));
  CHECK_THAT(Refusal(WithNumber(36, 4, 0)), Contains("L1 table"));
  CHECK_THAT(Refusal(WithNumber(36, 4, 0xffffffff)), Contains("L1 table"));
  CHECK_THAT(Refusal(WithNumber(40, 8, 1 << 30)), Contains("L1 table lies outside"));
  CHECK_THAT(Refusal(WithNumber(40, 8, ~std::uint64_t{0xffff})), Contains("L1 table lies"));
  CHECK_THAT(Refusal(WithNumber(40, 8, 3 * 65536 + 8)), Contains("L1 table lies"));
  CHECK_THAT(Refusal(WithNumber(48, 8, 1 << 30)), Contains("refcount table"));
  CHECK_THAT(Refusal(WithNumber(56, 4, 0)), Contains("refcount table"));
  CHECK_THAT(Refusal(WithNumber(56, 4, 0xffffffff)), Contains("refcount table"));
  CHECK_THAT(Refusal(WithNumber(60, 4, 1)), Contains("snapshot table"));
  CHECK_THAT(Refusal(WithNumber(72, 8, 1 << 1)), Contains("marked corrupt"));
  CHECK_THAT(Refusal(WithNumber(72, 8, std::uint64_t{1} << 40)), Contains("unknown features"));
  CHECK_THAT(Refusal(WithNumber(96, 4, 7)), Contains("contradicts"));
  CHECK_THAT(Refusal(WithNumber(100, 4, 105)), Contains("contradicts"));
  CHECK_THAT(Refusal(WithNumber(100, 4, 0xfffffff8)), Contains("contradicts"));
  CHECK_THAT(Refusal(WithNumber(104, 8, 0x00000001'ffffffff)), Contains("extension"));
}

TEST_CASE("Qcow2: a header cut off anywhere is refused, and never read beyond its end") {
  const std::string image = Qcow2(kMiB);
  for (std::size_t size = 0; size < 112; ++size) {
    CAPTURE(size);
    const std::string head = image.substr(0, size);
    CHECK(!ParseQcow2Header(head, size));
  }
}

}  // namespace
}  // namespace sf::images
