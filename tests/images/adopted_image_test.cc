// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <functional>

#include "images/blob_files.h"
#include "images/image_cache.h"
#include "tests/images/bad_server.h"
#include "tests/images/test_images.h"

namespace sf::images {
namespace {

using namespace std::chrono_literals;

ImageLimits Limits(std::chrono::seconds check_interval) {
  ImageLimits limits;
  limits.transfer.max_bytes = 64 << 20;
  limits.disk.max_unpacked_bytes = 64 << 20;
  limits.check_interval = check_interval;
  return limits;
}

/// The cache of one node, and a source.
struct Scene {
  test::TestDirectory directory;
  test::BadServer server;
  ImageCache cache;

  /// By default every Fetch() asks.
  explicit Scene(std::chrono::seconds check_interval = 0s)
      : cache(directory / "images", Limits(check_interval)) {
    REQUIRE(cache.Recover());
  }
  ImageUrl At(const std::string& path) const { return {server.Url(path), std::nullopt}; }
  Result<CachedImage> Fetch(const std::string& path) { return cache.Fetch(At(path), {}, {}); }
};

CachedImage Good(const Result<CachedImage>& fetched) {
  INFO((fetched ? "" : fetched.error().message));
  REQUIRE(fetched);
  return *fetched;
}

/// The image that `from` has of `url`, taken in by another cache as a node takes it from a node.
Result<void> Hand(const Scene& from, const std::string& path, ImageCache& to,
                  const std::function<void(std::string&)>& change = {}) {
  const CachedImage image = from.cache.Find(from.At(path)).value();
  return to.Adopt([&](const std::filesystem::path& file) -> Result<ImageRecord> {
    std::string bytes = test::ReadFile(image.path);
    if (change) change(bytes);
    test::WriteFile(file, bytes);
    return from.cache.Held().at(0);
  });
}

TEST_CASE("Adopted image: what another node made and was told is as good as fetched") {
  Scene giver;
  giver.server.Put("/disk", {.body = test::RawDisk(1 << 20)});
  const CachedImage given = Good(giver.Fetch("/disk"));
  CHECK(giver.cache.Held().at(0).file_sha256 == DigestFile(given.path)->sha256);

  Scene taker(60s);
  REQUIRE(Hand(giver, "/disk", taker.cache));
  CHECK_FALSE(taker.cache.FreshEnough(giver.At("/disk")));
  taker.cache.Learn(giver.cache.Told(giver.At("/disk").url).value());
  const CachedImage image = Good(taker.cache.Fetch(giver.At("/disk"), {}, {}));
  CHECK(giver.server.Requests("/disk").size() == 1);
  CHECK(test::ReadFile(image.path) == test::ReadFile(given.path));
  CHECK(image.sha512 == given.sha512);
  CHECK(image.virtual_bytes == given.virtual_bytes);
  CHECK(image.fetched_bytes == given.fetched_bytes);
}

TEST_CASE("Adopted image: what was learned is asked for anew when it is too old to be believed") {
  Scene giver;
  giver.server.Put("/disk", {.body = test::RawDisk(1 << 20), .headers = {{"ETag", "\"one\""}}});
  Good(giver.Fetch("/disk"));
  Scene taker;
  REQUIRE(Hand(giver, "/disk", taker.cache));
  taker.cache.Learn(giver.cache.Told(giver.At("/disk").url).value());
  CHECK_FALSE(Good(taker.cache.Fetch(giver.At("/disk"), {}, {})).fresh);
  CHECK(giver.server.Bodies("/disk") == 1);
}

TEST_CASE("Adopted image: what is older than what we were told ourselves is not learned") {
  Scene scene;
  scene.server.Put("/disk", {.body = test::RawDisk(1 << 20)});
  Good(scene.Fetch("/disk"));
  const std::string url = scene.At("/disk").url;
  UrlRecord older = scene.cache.Told(url).value();
  older.checked_at -= 1;
  older.validators.etag = "\"older\"";
  scene.cache.Learn(older);
  CHECK(scene.cache.Told(url)->validators.etag != older.validators.etag);
  // Nor what leads to an image that is not here.
  scene.cache.Learn({"http://x/y", {}, std::string(64, 'a'), UnixNow()});
  CHECK_FALSE(scene.cache.Told("http://x/y"));
}

TEST_CASE("Adopted image: another node's file is judged as a stranger's") {
  Scene giver;
  giver.server.Put("/disk", {.body = test::RawDisk(1 << 20)});
  Good(giver.Fetch("/disk"));
  Scene taker;
  CHECK_FALSE(Hand(giver, "/disk", taker.cache, [](auto& bytes) { bytes = test::RawDisk(4096); }));
  CHECK_FALSE(Hand(giver, "/disk", taker.cache,
                   [](auto& bytes) { bytes = test::Qcow2(1 << 20, "/etc/passwd"); }));
  CHECK(taker.cache.Held().empty());
  CHECK(test::FilesBelow(taker.directory.path()).empty());
}

}  // namespace
}  // namespace sf::images
