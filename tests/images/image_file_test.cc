// SPDX-License-Identifier: Apache-2.0
#include "images/image_file.h"

#include <catch2/catch.hpp>

#include "tests/images/test_images.h"

namespace sf::images {
namespace {

using Catch::Matchers::Contains;

std::string Refusal(const std::string& bytes, const DiskLimits& limits = {}) {
  const test::TestDirectory directory;
  test::WriteFile(directory / "image", bytes);
  const auto identified = IdentifyDiskImage(directory / "image", limits);
  REQUIRE(!identified);
  return identified.error().message;
}

std::string With(std::size_t offset, const std::string& bytes, std::size_t size = 64 << 10) {
  std::string image(size, '\0');
  return image.replace(offset, bytes.size(), bytes);
}

TEST_CASE("ImageFile: qcow2, partitioned disks, ISO9660 and ext are disk images") {
  const test::TestDirectory directory;
  const auto is = [&](const std::string& bytes, DiskFormat format, std::uint64_t virtual_bytes) {
    test::WriteFile(directory / "image", bytes);
    const auto identified = IdentifyDiskImage(directory / "image", {});
    REQUIRE(identified);
    CHECK(identified->format == format);
    CHECK(identified->virtual_bytes == virtual_bytes);
  };
  is(test::Qcow2(5 << 20), DiskFormat::kQcow2, 5 << 20);
  is(test::RawDisk(1 << 20), DiskFormat::kRaw, 1 << 20);
  is(test::RawDisk(700), DiskFormat::kRaw, 1024);
  is(With(32769, "CD001"), DiskFormat::kRaw, 64 << 10);
  is(With(1080, "\x53\xef"), DiskFormat::kRaw, 64 << 10);
}

TEST_CASE("ImageFile: what is no disk image is refused") {
  for (const std::string& bytes :
       {std::string(), std::string("garbage"), std::string(1 << 20, '\0'),
        std::string("<html><title>404 Not Found</title></html>")}) {
    CHECK_THAT(Refusal(bytes), Contains("not a disk image"));
  }
  CHECK_THAT(Refusal("QFI\xfb"), Contains("no qcow2 header"));
}

TEST_CASE("ImageFile: other formats are refused by name, with what to do") {
  const auto is = [](const std::string& bytes, const std::string& name) {
    CHECK_THAT(Refusal(bytes), Contains(name) && Contains("convert it to qcow2"));
  };
  is("# Disk DescriptorFile\nversion=1\nRW 1 FLAT \"/etc/passwd\" 0\n", "VMDK");
  is(With(0, "KDMV"), "VMDK");
  is(With(64, "\x7f\x10\xda\xbe"), "VDI");
  is(With(0, "vhdxfile"), "VHDX");
  is(With(0, "conectix"), "VHD");
  is(With(0, std::string("QED\0", 4)), "QED");
  is(With(0, "LUKS\xba\xbe"), "LUKS");
  // A fixed VHD is a raw disk with a footer, so that its partition table must not excuse it.
  is(test::RawDisk(64 << 10) + With(0, "conectix", 512), "VHD");
}

TEST_CASE("ImageFile: a qcow2 that refers to another file is refused before anybody opens that") {
  CHECK_THAT(Refusal(test::Qcow2(1 << 20, "/etc/passwd")), Contains("backing file"));
  std::string with_data_file = test::Qcow2(1 << 20);
  with_data_file[79] = 1 << 2;
  CHECK_THAT(Refusal(with_data_file), Contains("external data file"));
  std::string encrypted = test::Qcow2(1 << 20);
  encrypted[35] = 2;
  CHECK_THAT(Refusal(encrypted), Contains("encrypted"));
}

TEST_CASE("ImageFile: an image that qemu-img made with a data file is refused like our own") {
  const test::TestDirectory directory;
  REQUIRE(
      RunChild({"qemu-img", "create", "-q", "-f", "qcow2", "-o",
                "data_file=" + (directory / "data").string(), (directory / "image").string(), "1M"},
               {}));
  const auto identified = IdentifyDiskImage(directory / "image", {});
  REQUIRE(!identified);
  CHECK_THAT(identified.error().message, Contains("external data file"));
}

TEST_CASE("ImageFile: a virtual size beyond the limit is refused") {
  const std::uint64_t ten_tb = 10'000'000'000'000;
  CHECK_THAT(Refusal(test::Qcow2(ten_tb)), Contains("10000000000000") && Contains("limit"));
  CHECK_THAT(Refusal(test::RawDisk(1 << 20), {.max_virtual_bytes = 1 << 19}), Contains("limit"));
}

TEST_CASE("ImageFile: qcow2 of every version and compression that qemu-img writes is accepted") {
  const test::TestDirectory directory;
  test::WriteFile(directory / "raw", test::RawDisk(3 << 20));
  for (const char* options :
       {"compat=0.10", "compat=1.1", "cluster_size=512", "cluster_size=2M", "lazy_refcounts=on",
        "compression_type=zstd", "extended_l2=on,cluster_size=128k", "preallocation=metadata"}) {
    CAPTURE(options);
    const auto image = directory / "image";
    REQUIRE(RunChild({"qemu-img", "convert", "-f", "raw", "-O", "qcow2", "-o", options,
                      (directory / "raw").string(), image.string()},
                     {}));
    const auto identified = IdentifyDiskImage(image, {});
    INFO((identified ? "" : identified.error().message));
    REQUIRE(identified);
    CHECK(identified->virtual_bytes == 3 << 20);
  }
}

TEST_CASE("ImageFile: whatever was fetched, a qcow2 comes out, and nothing else stays") {
  const std::string raw = test::RawDisk(1 << 20);
  const std::string qcow2 = test::Qcow2(1 << 20);
  for (const std::string& bytes :
       {raw, qcow2, test::Compressed("gzip", raw), test::Compressed("xz", qcow2)}) {
    const test::TestDirectory directory;
    test::WriteFile(directory / "fetched", bytes);
    REQUIRE(MakeQcow2(directory / "fetched", directory / "image", {}));
    CHECK(test::FilesBelow(directory.path()) == std::vector<std::string>{"image"});
    const auto made = IdentifyDiskImage(directory / "image", {});
    REQUIRE(made);
    CHECK(made->format == DiskFormat::kQcow2);
    CHECK(made->virtual_bytes == 1 << 20);
  }
}

}  // namespace
}  // namespace sf::images
