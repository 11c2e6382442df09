// SPDX-License-Identifier: Apache-2.0
#include "images/blob_files.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "images/digest.h"
#include "tests/images/test_directory.h"

namespace sf::images {
namespace {

using namespace std::chrono_literals;

struct Scene {
  test::TestDirectory directory;
  BlobFiles blobs{directory / "blobs"};

  Scene() { REQUIRE(blobs.Recover()); }
  std::vector<std::string> Files() const { return test::FilesBelow(directory.path()); }
};

TEST_CASE("BlobFiles: bytes are kept as they are, once, under their digest") {
  Scene scene;
  const std::string bytes = std::string(3 << 20, 'x') + "end";
  const auto part = scene.blobs.NewPart();
  test::WriteFile(part, bytes);
  const BlobFile kept = scene.blobs.Keep(part).value();
  CHECK(kept.digests.sha256 == Sha256(bytes));
  CHECK(kept.digests.sha512.size() == 128);
  CHECK(kept.bytes == bytes.size());
  CHECK(test::ReadFile(kept.path) == bytes);
  struct stat status = {};
  REQUIRE(::stat(kept.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0644);

  CHECK(scene.blobs.KeepBytes(bytes)->path == kept.path);
  CHECK(scene.blobs.Find(kept.digests.sha256) == kept.path);
  CHECK_FALSE(scene.blobs.Find(std::string(64, 'a')));
  CHECK(scene.Files() == std::vector<std::string>{"blobs/" + kept.digests.sha256});
  CHECK(scene.blobs.Files()->at(kept.digests.sha256) == static_cast<std::int64_t>(bytes.size()));
}

TEST_CASE("BlobFiles: other bytes than were expected leave nothing") {
  Scene scene;
  const auto part = scene.blobs.NewPart();
  test::WriteFile(part, "bytes");
  const auto kept = scene.blobs.Keep(part, std::nullopt, Sha256("others"));
  REQUIRE_FALSE(kept);
  CHECK(kept.error().code == Code::kCorrupt);
  CHECK(scene.Files().empty());
  CHECK(scene.blobs.Keep(scene.blobs.NewPart()).error().code == Code::kNotFound);
}

TEST_CASE("BlobFiles: what a crash left goes at the next start, and no blob does") {
  Scene scene;
  const BlobFile kept = scene.blobs.KeepBytes("whole").value();
  test::WriteFile(scene.blobs.NewPart(), "half");
  REQUIRE(scene.blobs.Recover());
  CHECK(scene.Files() == std::vector<std::string>{"blobs/" + kept.digests.sha256});
}

TEST_CASE("BlobFiles: a file is given up if it is old, its bytes are its own, and it may go") {
  Scene scene;
  const BlobFile file = scene.blobs.KeepBytes("many have it").value();
  int asked = 0;
  bool may_go = false;
  const auto give_up = [&] {
    return scene.blobs.GiveUp(file.digests.sha256, 10min, [&]() -> Result<bool> {
      ++asked;
      return may_go;
    });
  };
  CHECK_FALSE(give_up().value());
  std::filesystem::last_write_time(file.path,
                                   std::filesystem::file_time_type::clock::now() - 11min);
  std::filesystem::create_hard_link(file.path, scene.directory / "image");
  CHECK_FALSE(give_up().value());
  CHECK(asked == 0);
  std::filesystem::remove(scene.directory / "image");
  CHECK_FALSE(give_up().value());
  CHECK(asked == 1);
  CHECK(scene.blobs.Find(file.digests.sha256));
  may_go = true;
  CHECK(give_up().value());
  CHECK_FALSE(scene.blobs.Find(file.digests.sha256));
  CHECK_FALSE(give_up().value());
  CHECK(asked == 2);
}

TEST_CASE("BlobFiles: what nobody needs is reaped when it is old, unless it is given again") {
  Scene scene;
  const BlobFile needed = scene.blobs.KeepBytes("needed").value();
  const BlobFile old = scene.blobs.KeepBytes("old").value();
  const BlobFile again = scene.blobs.KeepBytes("again").value();
  for (const BlobFile& file : {needed, old, again}) {
    std::filesystem::last_write_time(file.path, std::filesystem::file_time_type::clock::now() - 2h);
  }
  REQUIRE(scene.blobs.KeepBytes("again"));
  const std::set<std::string> wanted = {needed.digests.sha256};
  CHECK(scene.blobs.Reap(wanted, 3h).value() == 0);
  CHECK(scene.blobs.Reap(wanted, 1h).value() == 3);
  CHECK(scene.blobs.Find(needed.digests.sha256));
  CHECK(scene.blobs.Find(again.digests.sha256));
  CHECK_FALSE(scene.blobs.Find(old.digests.sha256));
}

}  // namespace
}  // namespace sf::images
