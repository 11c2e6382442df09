// SPDX-License-Identifier: Apache-2.0
#include "images/archive.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "images/child_process.h"
#include "tests/images/test_images.h"

namespace sf::images {
namespace {

using Catch::Matchers::Contains;

TEST_CASE("Archive: gzip, xz, bzip2 and zstd are told by their content and unpacked") {
  const test::TestDirectory directory;
  const std::string disk = test::RawDisk(300'001);
  for (const char* tool : {"gzip", "xz", "bzip2", "zstd"}) {
    CAPTURE(tool);
    test::WriteFile(directory / "packed", test::Compressed(tool, disk));
    const auto unpacked = Decompress(directory / "packed", directory / "disk", disk.size());
    REQUIRE(unpacked);
    CHECK(*unpacked == disk.size());
    CHECK(test::ReadFile(directory / "disk") == disk);
  }
}

TEST_CASE("Archive: what is not compressed is left alone") {
  const test::TestDirectory directory;
  for (const std::string& bytes : {test::RawDisk(4096), std::string(), std::string("plain text")}) {
    test::WriteFile(directory / "plain", bytes);
    const auto unpacked = Decompress(directory / "plain", directory / "disk", 1 << 20);
    REQUIRE(unpacked);
    CHECK(!*unpacked);
    CHECK(!std::filesystem::exists(directory / "disk"));
  }
}

TEST_CASE("Archive: nothing, compressed, unpacks to nothing") {
  const test::TestDirectory directory;
  test::WriteFile(directory / "packed", test::Compressed("gzip", ""));
  const auto unpacked = Decompress(directory / "packed", directory / "disk", 1 << 20);
  REQUIRE(unpacked);
  CHECK(*unpacked == 0);
}

TEST_CASE("Archive: a bomb is refused before it takes more than the limit") {
  const test::TestDirectory directory;
  test::WriteFile(directory / "bomb", test::Compressed("gzip", std::string(32 << 20, '\0')));
  REQUIRE(std::filesystem::file_size(directory / "bomb") < 64 << 10);
  const auto unpacked = Decompress(directory / "bomb", directory / "disk", 1 << 20);
  REQUIRE(!unpacked);
  CHECK(unpacked.error().code == Code::kTooLarge);
  CHECK_THAT(unpacked.error().message, Contains("more than the limit of 1048576 bytes"));
  CHECK(std::filesystem::file_size(directory / "disk") <= 1 << 20);
}

TEST_CASE("Archive: a bomb in a bomb is refused as such") {
  const test::TestDirectory directory;
  const std::string once = test::Compressed("gzip", std::string(1 << 20, '\0'));
  test::WriteFile(directory / "twice", test::Compressed("xz", once));
  const auto unpacked = Decompress(directory / "twice", directory / "disk", 1 << 20);
  REQUIRE(!unpacked);
  CHECK_THAT(unpacked.error().message, Contains("more than once"));
}

TEST_CASE("Archive: a compressed file that was cut off is refused") {
  const test::TestDirectory directory;
  for (const char* tool : {"gzip", "xz", "bzip2", "zstd"}) {
    CAPTURE(tool);
    std::string noise(200'000, '\0');
    for (std::size_t i = 0; i < noise.size(); ++i) noise[i] = static_cast<char>(i * i * 31 >> 7);
    const std::string packed = test::Compressed(tool, noise);
    test::WriteFile(directory / "cut", packed.substr(0, packed.size() / 2));
    const auto unpacked = Decompress(directory / "cut", directory / "disk", 1 << 20);
    REQUIRE(!unpacked);
    CHECK(unpacked.error().code == Code::kCorrupt);
  }
}

TEST_CASE("Archive: zeros are unpacked as holes") {
  const test::TestDirectory directory;
  test::WriteFile(directory / "packed", test::Compressed("gzip", std::string(8 << 20, '\0')));
  REQUIRE(Decompress(directory / "packed", directory / "disk", 8 << 20));
  struct stat status = {};
  REQUIRE(::stat((directory / "disk").c_str(), &status) == 0);
  CHECK(status.st_size == 8 << 20);
  CHECK(status.st_blocks == 0);
}

TEST_CASE("Archive: an ISO volume has its label in both descriptors and its files by both names") {
  const test::TestDirectory directory;
  const auto path = directory / "volume.iso";
  const std::string text(100'000, 't');
  REQUIRE(
      WriteIso(path, "config-2",
               {{"openstack/latest/meta_data.json", "{}"}, {"openstack/latest/user_data", text}}));
  CHECK(test::FilesBelow(directory.path()) == std::vector<std::string>{"volume.iso"});

  const std::string image = test::ReadFile(path);
  CHECK(image.substr(32769, 5) == "CD001");
  CHECK(image.substr(32808, 32) == "config-2" + std::string(24, ' '));
  CHECK(image.find(std::string("\0c\0o\0n\0f\0i\0g\0-\0"
                               "2",
                               16)) != std::string::npos);

  const auto isoinfo = [&](const std::string& names, const std::string& file) {
    const auto output = RunChild({"isoinfo", names, "-i", path.string(), "-x", file}, {});
    REQUIRE(output);
    return *output;
  };
  CHECK(isoinfo("-J", "/openstack/latest/user_data") == text);
  CHECK(isoinfo("-R", "/openstack/latest/user_data") == text);
  CHECK(isoinfo("-R", "/openstack/latest/meta_data.json") == "{}");
}

TEST_CASE("Archive: an ISO volume that cannot be written is an error that names the path") {
  const test::TestDirectory directory;
  const auto written = WriteIso(directory / "missing/volume.iso", "config-2", {{"a", "b"}});
  REQUIRE(!written);
  CHECK_THAT(written.error().message, Contains("missing/volume.iso"));
}

}  // namespace
}  // namespace sf::images
