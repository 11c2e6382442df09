// SPDX-License-Identifier: Apache-2.0
#include "images/upload_files.h"

#include <catch2/catch.hpp>

#include "images/digest.h"
#include "tests/images/test_directory.h"

namespace sf::images {
namespace {

struct Scene {
  test::TestDirectory directory;
  BlobFiles blobs{directory / "blobs"};
  UploadFiles uploads;
  int asked_for_room = 0;

  explicit Scene(UploadLimits limits = {.max_bytes = 1000})
      : uploads(directory / "blobs/uploads", limits, [this](std::uint64_t) { ++asked_for_room; }) {
    REQUIRE(blobs.Recover());
    REQUIRE(uploads.Recover());
  }
  Result<std::uint64_t> Add(const std::string& bytes, std::optional<std::uint64_t> at = {}) {
    return uploads.Append("u", at, [&](const UploadFiles::Sink& sink) { return sink(bytes); });
  }
};

TEST_CASE("UploadFiles: pieces become a blob of their bytes") {
  Scene scene;
  REQUIRE(scene.uploads.Begin("u"));
  CHECK(scene.Add("one ").value() == 4);
  CHECK(scene.Add("two ", 4).value() == 8);
  CHECK(scene.Add("late", 4).error().code == Code::kConflict);
  CHECK(scene.Add("").value() == 8);
  const bool cut = GENERATE(false, true);
  if (cut) {  // Then it is read for its digest.
    CHECK(scene.uploads.Truncate("u", 9).error().code == Code::kInvalid);
    REQUIRE(scene.uploads.Truncate("u", 4));
    CHECK(scene.Add("two ").value() == 8);
  }
  const BlobFile blob = scene.uploads.Finish("u", scene.blobs).value();
  CHECK(blob.digests.sha256 == Sha256("one two "));
  CHECK(test::ReadFile(blob.path) == "one two ");
  CHECK(scene.uploads.Finish("u", scene.blobs).error().code == Code::kNotFound);
  CHECK(scene.Add("more").error().code == Code::kNotFound);
  CHECK(scene.uploads.Idle().empty());
}

TEST_CASE("UploadFiles: a piece that fails leaves nothing of itself") {
  Scene scene;
  REQUIRE(scene.uploads.Begin("u"));
  REQUIRE(scene.Add("kept"));
  CHECK(scene.Add(std::string(1000, 'x')).error().code == Code::kTooLarge);
  const auto broken = scene.uploads.Append("u", {}, [](const auto& sink) -> Result<void> {
    TRY(sink("half"));
    return Fail(Code::kUnavailable, "the client has gone");
  });
  CHECK(broken.error().code == Code::kUnavailable);
  CHECK(scene.Add("").value() == 4);
  CHECK(test::ReadFile(scene.uploads.Finish("u", scene.blobs)->path) == "kept");
}

TEST_CASE("UploadFiles: one that is being written to is not touched by others") {
  Scene scene;
  REQUIRE(scene.uploads.Begin("u"));
  const auto done = scene.uploads.Append("u", {}, [&](const auto& sink) -> Result<void> {
    CHECK(scene.Add("other").error().code == Code::kConflict);
    CHECK(scene.uploads.Finish("u", scene.blobs).error().code == Code::kConflict);
    return sink("mine");
  });
  CHECK(done.value() == 4);
}

TEST_CASE("UploadFiles: the reserve of the disk is not for uploads") {
  Scene scene({.max_bytes = 1000, .reserve_bytes = std::uint64_t{1} << 60});
  CHECK(scene.uploads.Begin("u").error().code == Code::kNoCapacity);
  CHECK(scene.asked_for_room == 1);
  CHECK(scene.uploads.Idle().empty());
}

}  // namespace
}  // namespace sf::images
