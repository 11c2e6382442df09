// SPDX-License-Identifier: Apache-2.0
#include "images/image_cache.h"

#include <sys/stat.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <latch>
#include <thread>

#include "images/digest.h"
#include "images/image_index.h"
#include "tests/images/bad_server.h"
#include "tests/images/test_images.h"

namespace sf::images {
namespace {

using namespace std::chrono_literals;

ImageLimits Limits() {
  ImageLimits limits;
  limits.transfer.max_bytes = 64 << 20;
  limits.transfer.connect_timeout = 2s;
  limits.transfer.stall_timeout = 1s;
  limits.transfer.attempts = 3;
  limits.transfer.backoff = 1ms;
  limits.disk.max_unpacked_bytes = 64 << 20;
  limits.check_interval = 0s;  // Every Fetch() asks.
  limits.eviction_grace = 0s;
  return limits;
}

/// A cache, and a server to fill it from.
struct Scene {
  test::TestDirectory directory;
  test::BadServer server;
  ImageCache cache;

  explicit Scene(const ImageLimits& limits = Limits()) : cache(directory / "images", limits) {
    REQUIRE(cache.Recover());
  }
  ImageUrl At(const std::string& path) const { return {server.Url(path), std::nullopt}; }
  Result<CachedImage> Fetch(const std::string& path) { return cache.Fetch(At(path), {}, {}); }
  std::vector<std::string> Files() const { return test::FilesBelow(directory.path()); }
};

CachedImage Good(const Result<CachedImage>& fetched) {
  INFO((fetched ? "" : fetched.error().message));
  REQUIRE(fetched);
  return *fetched;
}

TEST_CASE("ImageCache: a raw disk is fetched, digested, and kept as qcow2 that QEMU may read") {
  Scene scene;
  const std::string disk = test::RawDisk(1 << 20);
  scene.server.Put("/disk", {.body = disk});
  std::uint64_t done = 0;
  std::uint64_t total = 0;
  const CachedImage image = Good(scene.cache.Fetch(scene.At("/disk"),
                                                   [&](std::uint64_t d, std::uint64_t t) {
                                                     done = d;
                                                     total = t;
                                                   },
                                                   {}));
  CHECK(image.fresh);
  CHECK(image.stale_reason.empty());
  CHECK(image.sha256 == Sha256(disk));
  CHECK(image.sha512.size() == 128);
  CHECK(image.fetched_bytes == disk.size());
  CHECK(image.virtual_bytes == disk.size());
  CHECK(image.source_format == "raw");
  CHECK(image.file_bytes == std::filesystem::file_size(image.path));
  CHECK((done == disk.size() && total == disk.size()));

  struct stat status = {};
  REQUIRE(::stat(image.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0644);
  REQUIRE(::stat(image.path.parent_path().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0711);
  test::WriteFile(scene.directory / "raw", disk);
  CHECK(RunChild({"qemu-img", "compare", "-f", "raw", "-F", "qcow2",
                  (scene.directory / "raw").string(), image.path.string()},
                 {}));
}

TEST_CASE("ImageCache: a compressed image is kept by the digest of what was fetched") {
  Scene scene;
  const std::string packed = test::Compressed("gzip", test::Qcow2(8 << 20));
  scene.server.Put("/image.gz", {.body = packed});
  const CachedImage image = Good(scene.Fetch("/image.gz"));
  CHECK(image.sha256 == Sha256(packed));
  CHECK(image.fetched_bytes == packed.size());
  CHECK(image.virtual_bytes == 8 << 20);
  CHECK(image.source_format == "qcow2");
}

TEST_CASE("ImageCache: twenty who ask for one URL at once share one transfer") {
  ImageLimits limits = Limits();
  limits.check_interval = 60s;
  Scene scene(limits);
  scene.server.Put("/disk", {.body = test::RawDisk(1 << 20), .held = true});
  constexpr int kThreads = 20;
  std::latch begun(kThreads);
  std::atomic<int> good = 0;
  std::atomic<int> fresh = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      begun.count_down();
      const auto image = scene.Fetch("/disk");
      if (image) ++good;
      if (image && image->fresh) ++fresh;
    });
  }
  begun.wait();
  scene.server.AwaitRequests("/disk", 1);
  scene.server.Release();
  for (std::thread& thread : threads) thread.join();
  CHECK(good == kThreads);
  CHECK(fresh == 1);
  CHECK(scene.server.Bodies("/disk") == 1);
  CHECK(scene.server.Requests("/disk").size() == 1);
}

TEST_CASE("ImageCache: those who wait for a fetch see its progress, and share its error") {
  Scene scene;
  scene.server.Put("/garbage", {.body = std::string(1000, 'g'), .held = true});
  std::atomic<int> reported = 0;
  std::atomic<int> failed = 0;
  const auto fetch = [&] {
    const auto image = scene.cache.Fetch(scene.At("/garbage"),
                                         [&](std::uint64_t, std::uint64_t) { ++reported; }, {});
    if (!image) ++failed;
  };
  std::thread first(fetch);
  scene.server.AwaitRequests("/garbage", 1);
  std::thread second(fetch);
  scene.server.Release();
  first.join();
  second.join();
  CHECK(failed == 2);
  CHECK(reported >= 1);
}

TEST_CASE("ImageCache: when the one who fetches gives up, the others go on") {
  Scene scene;
  scene.server.Put("/disk", {.body = test::RawDisk(1 << 20), .cut_after = 100, .stall = true});
  std::stop_source impatient;
  bool gave_up = false;
  bool went_on = false;
  std::thread leader([&] {
    const auto image = scene.cache.Fetch(scene.At("/disk"), {}, impatient.get_token());
    gave_up = !image && Catch::contains(image.error().message, "cancelled");
  });
  scene.server.AwaitRequests("/disk", 1);
  scene.server.Put("/disk", {.body = test::RawDisk(1 << 20)});
  std::latch begun(1);
  std::thread follower([&] {
    begun.count_down();
    went_on = scene.Fetch("/disk").has_value();
  });
  begun.wait();
  impatient.request_stop();
  leader.join();
  follower.join();
  CHECK(gave_up);
  CHECK(went_on);
}

TEST_CASE("ImageCache: a known URL is asked whether it changed, and not more often than agreed") {
  const std::string tag = GENERATE("ETag", "Last-Modified");
  const std::string version = tag == "ETag" ? "\"one\"" : "Wed, 21 Oct 2026 07:28:00 GMT";
  Scene scene;
  scene.server.Put("/disk", {.body = test::RawDisk(4096, "first"), .headers = {{tag, version}}});
  const CachedImage first = Good(scene.Fetch("/disk"));
  const CachedImage again = Good(scene.Fetch("/disk"));
  CHECK(first.fresh);
  CHECK(!again.fresh);
  CHECK(again.sha256 == first.sha256);
  CHECK(scene.server.Requests("/disk").size() == 2);
  CHECK(scene.server.Bodies("/disk") == 1);

  scene.server.Put("/disk", {.body = test::RawDisk(4096, "second"), .headers = {{tag, "\"two\""}}});
  const CachedImage second = Good(scene.Fetch("/disk"));
  CHECK(second.fresh);
  CHECK(second.sha256 != first.sha256);
  CHECK(scene.cache.FindDigest(first.sha256));

  ImageLimits lazy = Limits();
  lazy.check_interval = 3600s;
  ImageCache other(scene.directory / "images", lazy);
  REQUIRE(other.Recover());
  CHECK(other.FreshEnough(scene.At("/disk")));
  CHECK(Good(other.Fetch(scene.At("/disk"), {}, {})).sha256 == second.sha256);
  CHECK(scene.server.Requests("/disk").size() == 3);
}

TEST_CASE(
    "ImageCache: a copy stays usable when its source is gone, broken or replaced by garbage") {
  Scene scene;
  scene.server.Put("/disk", {.body = test::RawDisk(4096)});
  const CachedImage good = Good(scene.Fetch("/disk"));
  const auto is_stale_because = [&](const std::string& reason) {
    const CachedImage copy = Good(scene.Fetch("/disk"));
    CHECK(copy.sha256 == good.sha256);
    CHECK(!copy.fresh);
    CHECK_THAT(copy.stale_reason, Catch::Matchers::Contains(reason));
  };
  scene.server.Put("/disk", {.status = 404});
  is_stale_because("404");
  scene.server.Put("/disk", {.status = 500});
  is_stale_because("500");
  scene.server.Put("/disk", {.body = "garbage"});
  is_stale_because("not a disk image");
  scene.server.Stop();
  is_stale_because("connect");
  CHECK(std::filesystem::exists(good.path));
}

TEST_CASE("ImageCache: a source that is gone is not asked by every create") {
  ImageLimits limits = Limits();
  limits.check_interval = 3600s;
  Scene scene(limits);
  scene.server.Put("/disk", {.body = test::RawDisk(4096)});
  Good(scene.Fetch("/disk"));
  // As if the hour were over: the sidecar says when the URL was last checked.
  const auto urls = scene.directory / "images/urls";
  const auto sidecar = std::filesystem::directory_iterator(urls)->path();
  std::string text = test::ReadFile(sidecar);
  text.erase(text.find("checked_at\": ") + 13, 1);
  test::WriteFile(sidecar, text);
  ImageCache cache(scene.directory / "images", limits);
  REQUIRE(cache.Recover());
  scene.server.Put("/disk", {.status = 503});
  CHECK(!Good(cache.Fetch(scene.At("/disk"), {}, {})).stale_reason.empty());
  CHECK(Good(cache.Fetch(scene.At("/disk"), {}, {})).stale_reason.empty());
  CHECK(scene.server.Requests("/disk").size() == 2);
}

TEST_CASE(
    "ImageCache: a checksum names what it wants: no question if here, an error if another came") {
  Scene scene;
  const std::string disk = test::RawDisk(4096);
  scene.server.Put("/disk", {.body = disk});
  const ImageUrl right{scene.server.Url("/disk"), Sha256(disk)};
  const ImageUrl wrong{scene.server.Url("/disk"), std::string(64, '0')};
  const auto refused = scene.cache.Fetch(wrong, {}, {});
  REQUIRE(!refused);
  CHECK_THAT(refused.error().message, Catch::Matchers::Contains("checksum"));
  CHECK(scene.Files().empty());

  CHECK(!scene.cache.FreshEnough(right));
  CHECK(Good(scene.cache.Fetch(right, {}, {})).fresh);
  CHECK(scene.cache.FreshEnough(right));
  scene.server.Stop();
  CHECK(Good(scene.cache.Fetch(right, {}, {})).stale_reason.empty());
  CHECK(!scene.cache.Fetch(wrong, {}, {}));  // The copy of another digest is no answer.
}

TEST_CASE("ImageCache: two URLs with the same bytes share one file") {
  Scene scene;
  scene.server.Put("/a", {.body = test::RawDisk(4096)});
  scene.server.Put("/b", {.body = test::RawDisk(4096)});
  const CachedImage a = Good(scene.Fetch("/a"));
  const CachedImage b = Good(scene.Fetch("/b"));
  CHECK(a.path == b.path);
  CHECK(scene.Files().size() == 4);  // the image, its sidecar, one for each URL
  CHECK(scene.cache.Names() ==
        std::vector{"#sha256=" + a.sha256, scene.server.Url("/a"), scene.server.Url("/b")});
}

TEST_CASE("ImageCache: eviction takes the least recently used, never one in use") {
  Scene scene;
  std::vector<CachedImage> images;
  for (const std::string name : {"/0", "/1", "/2", "/3"}) {
    scene.server.Put(name, {.body = test::RawDisk(4096, name)});
    images.push_back(Good(scene.Fetch(name)));
  }
  scene.cache.Touch(images[0].sha256);  // Now /1 is the oldest, then /2, /3, /0.
  const auto freed = scene.cache.Evict(images[2].file_bytes, {images[1].sha256});
  REQUIRE(freed);
  CHECK(*freed == images[2].file_bytes);
  CHECK(scene.cache.FindDigest(images[1].sha256));
  CHECK(!scene.cache.FindDigest(images[2].sha256));
  CHECK(!scene.cache.Find(scene.At("/2")));
  CHECK(!std::filesystem::exists(images[2].path));
  CHECK(scene.cache.FindDigest(images[3].sha256));

  const auto rest = scene.cache.Evict(~std::uint64_t{0}, {images[1].sha256});
  REQUIRE(rest);
  CHECK(*rest == images[3].file_bytes + images[0].file_bytes);
  CHECK(scene.Files().size() == 3);
  CHECK(Good(scene.Fetch("/2")).fresh);
  CHECK(scene.cache.Names() == std::vector{"#sha256=" + images[2].sha256, scene.server.Url("/2"),
                                           "#sha256=" + images[1].sha256, scene.server.Url("/1")});
}

TEST_CASE("ImageCache: an image that was just handed out is not evicted") {
  ImageLimits limits = Limits();
  limits.eviction_grace = 600s;
  Scene scene(limits);
  scene.server.Put("/disk", {.body = test::RawDisk(4096)});
  Good(scene.Fetch("/disk"));
  CHECK(*scene.cache.Evict(~std::uint64_t{0}, {}) == 0);
}

TEST_CASE("ImageCache: a restart keeps what is whole, in its order of use, and removes the rest") {
  Scene scene;
  std::vector<CachedImage> images;
  for (const std::string name : {"/0", "/1", "/2", "/3"}) {
    scene.server.Put(name, {.body = test::RawDisk(4096, name)});
    images.push_back(Good(scene.Fetch(name)));
  }
  scene.cache.Touch(images[0].sha256);
  const auto root = scene.directory / "images";
  std::filesystem::create_directory(root / "incoming/7");
  test::WriteFile(root / "incoming/7/image.part", "interrupted");
  test::WriteFile(root / (std::string(64, 'a') + ".qcow2"), "without a sidecar");
  test::WriteFile(root / (images[0].sha256 + ".json.partial"), "half a sidecar");
  test::WriteFile(root / "urls/garbage.json", "{\"url\": 3}");
  std::filesystem::remove(images[1].path);                    // a sidecar without its file
  test::WriteFile(images[2].path, "cut by a power failure");  // a file of another size

  ImageCache cache(root, Limits());
  REQUIRE(cache.Recover());
  CHECK(cache.Find(scene.At("/0"))->virtual_bytes == images[0].virtual_bytes);
  CHECK(cache.Find(scene.At("/0"))->sha512 == images[0].sha512);
  CHECK(!cache.Find(scene.At("/1")));
  CHECK(!cache.Find(scene.At("/2")));
  CHECK(cache.Find(scene.At("/3")));
  CHECK(scene.Files().size() == 6);  // two images, each with its sidecar and its URL's
  CHECK(*cache.Evict(1, {}) == images[3].file_bytes);
  CHECK(cache.Find(scene.At("/0")));
}

TEST_CASE("ImageCache: a stored blob becomes an image, and stays what it was") {
  Scene scene;
  BlobFiles blobs(scene.directory / "blobs");
  REQUIRE(blobs.Recover());
  const std::string disk = test::RawDisk(1 << 20);
  for (const std::string& bytes : {disk, test::Qcow2(1 << 20), test::Compressed("gzip", disk)}) {
    const BlobFile kept = blobs.KeepBytes(bytes).value();
    REQUIRE(scene.cache.AdmitStored(kept, {}));
    REQUIRE(scene.cache.AdmitStored(kept, {}));
    const auto image = scene.cache.FindDigest(kept.digests.sha256);
    REQUIRE(image);
    CHECK(image->virtual_bytes == 1 << 20);
    CHECK(test::ReadFile(kept.path) == bytes);
    CHECK(scene.cache.Evict(std::uint64_t{1} << 40, {}).value() > 0);
    CHECK(test::ReadFile(kept.path) == bytes);
  }
  const BlobFile hostile = blobs.KeepBytes(test::Qcow2(1 << 20, "/etc/passwd")).value();
  const auto refused = scene.cache.AdmitStored(hostile, {});
  REQUIRE_FALSE(refused);
  CHECK_THAT(refused.error().message, Catch::Contains("backing file"));
  CHECK_FALSE(scene.cache.FindDigest(hostile.digests.sha256));
}

}  // namespace
}  // namespace sf::images
