// SPDX-License-Identifier: Apache-2.0
// What servers do to those who fetch from them. Each case ends in an error whose text names the
// cause, and in a cache that holds no file.
#include <sys/resource.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "images/image_cache.h"
#include "tests/images/bad_server.h"
#include "tests/images/test_images.h"

namespace sf::images {
namespace {

using Catch::Matchers::Contains;
using namespace std::chrono_literals;

ImageLimits Limits() {
  ImageLimits limits;
  limits.transfer.max_bytes = 8 << 20;
  limits.transfer.stall_timeout = 1s;
  limits.transfer.attempts = 3;
  limits.transfer.backoff = 1ms;
  limits.disk.max_unpacked_bytes = 4 << 20;
  return limits;
}

struct Source {
  test::TestDirectory directory;
  test::BadServer server;
  ImageLimits limits = Limits();

  Result<CachedImage> Fetch(const test::Page& page) {
    server.Put("/image", page);
    ImageCache cache(directory / "images", limits);
    REQUIRE(cache.Recover());
    return cache.Fetch({server.Url("/image"), std::nullopt}, {}, {});
  }
  /// The error, once it is sure that it names the URL and that nothing is left.
  Error Refusal(const test::Page& page) {
    const auto fetched = Fetch(page);
    REQUIRE(!fetched);
    CHECK_THAT(fetched.error().message, Contains(server.Url("/image")));
    CHECK(test::FilesBelow(directory.path()).empty());
    CHECK(std::filesystem::is_empty(directory / "images/incoming"));
    return fetched.error();
  }
  std::size_t Requests() const { return server.Requests("/image").size(); }
};

/// Lets no file of this process grow beyond some bytes, as if the disk were full.
class FullDisk {
 public:
  explicit FullDisk(rlim_t bytes) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit = {bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_ = {};
  void (*handler_)(int) = nullptr;
};

std::string Disk() { return test::RawDisk(1 << 20); }

TEST_CASE("Hostile source: one that closes half way is resumed where it broke off") {
  const auto headers = GENERATE(
      std::map<std::string, std::string>{{"ETag", "\"strong\""}},
      std::map<std::string, std::string>{{"Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT"}});
  Source source;
  const auto fetched =
      source.Fetch({.body = Disk(), .headers = headers, .cut_after = 600'000, .cuts = 1});
  REQUIRE(fetched);
  CHECK(fetched->sha256 == Sha256(Disk()));
  CHECK(source.Requests() == 2);
  CHECK_THAT(source.server.Requests("/image")[1],
             Contains("Range: bytes=600000-") && Contains("If-Range: " + headers.begin()->second));
}

TEST_CASE("Hostile source: one that cannot resume is asked again from the start") {
  Source source;
  const bool weak = GENERATE(false, true);  // without and with a validator that permits a Range
  const auto fetched = source.Fetch({.body = Disk(),
                                     .headers = {{"ETag", weak ? "W/\"weak\"" : "\"strong\""}},
                                     .ranges = weak,
                                     .cut_after = 600'000,
                                     .cuts = 1});
  REQUIRE(fetched);
  CHECK(fetched->sha256 == Sha256(Disk()));
  const bool asked = source.server.Requests("/image")[1].find("Range: ") != std::string::npos;
  CHECK(asked == !weak);
}

TEST_CASE("Hostile source: one whose body changes between two parts is not pieced together") {
  Source source;
  test::BadServer& server = source.server;
  // The first answer breaks off; by the second the body is another one.
  server.Put("/image", {.body = Disk(), .headers = {{"ETag", "\"one\""}}, .cut_after = 600'000});
  ImageCache cache(source.directory / "images", source.limits);
  REQUIRE(cache.Recover());
  std::string changed = Disk();
  changed.replace(700, 7, "changed");
  bool replaced = false;
  const Progress replace = [&](std::uint64_t, std::uint64_t) {
    if (std::exchange(replaced, true)) return;
    server.Put("/image", {.body = changed, .headers = {{"ETag", "\"two\""}}});
  };
  const auto fetched = cache.Fetch({server.Url("/image"), std::nullopt}, replace, {});
  REQUIRE(fetched);
  CHECK(fetched->sha256 == Sha256(changed));
}

TEST_CASE("Hostile source: one that resumes with less than the rest does not pass for whole") {
  Source source;
  const std::map<std::string, std::string> headers = {{"ETag", "\"one\""}};
  source.server.Put("/image", {.body = Disk(), .headers = headers, .cut_after = 600'000});
  ImageCache cache(source.directory / "images", source.limits);
  REQUIRE(cache.Recover());
  const Progress shorten = [&](std::uint64_t, std::uint64_t) {
    source.server.Put("/image", {.body = Disk(), .headers = headers, .claimed_length = 1000});
  };
  const auto fetched = cache.Fetch({source.server.Url("/image"), std::nullopt}, shorten, {});
  REQUIRE(!fetched);
  CHECK_THAT(fetched.error().message, Contains("602000 of 1048576 bytes came"));
}

TEST_CASE("Hostile source: one that always closes half way") {
  Source source;
  const Error error = source.Refusal({.body = Disk(), .cut_after = 600'000});
  CHECK(error.code == Code::kUnavailable);
  CHECK_THAT(error.message, Contains("closed the connection") &&
                                Contains("600000 of 1048576 bytes came") &&
                                Contains("attempt 3 of 3"));
  CHECK(source.Requests() == 3);
}

TEST_CASE("Hostile source: one that stalls") {
  Source source;
  source.limits.transfer.attempts = 2;
  const Error error = source.Refusal({.body = Disk(),
                                      .headers = {{"ETag", "\"x\""}},
                                      .cut_after = 100,
                                      .cuts = 1 << 30,
                                      .stall = true});
  CHECK(error.code == Code::kTimeout);
  CHECK_THAT(error.message, Contains("stalled") && Contains("of 1048576 bytes came"));
}

TEST_CASE("Hostile source: 404 is final, 500 is tried again") {
  Source source;
  const Error missing = source.Refusal({.status = 404});
  CHECK(missing.code == Code::kNotFound);
  CHECK_THAT(missing.message, Contains("answered 404"));
  CHECK(source.Requests() == 1);

  const Error broken = source.Refusal({.status = 500});
  CHECK(broken.code == Code::kUnavailable);
  CHECK_THAT(broken.message, Contains("answered 500") && Contains("attempt 3 of 3"));
  CHECK(source.Requests() == 4);
}

TEST_CASE("Hostile source: one that redirects for ever, or to a file") {
  Source source;
  CHECK_THAT(source.Refusal({.status = 302, .headers = {{"Location", "/image"}}}).message,
             Contains("more than 5 redirects"));
  CHECK(source.Requests() == 6);
  CHECK_THAT(
      source.Refusal({.status = 301, .headers = {{"Location", "file:///etc/passwd"}}}).message,
      Contains("neither http nor https"));
}

TEST_CASE("Hostile source: one that is not there") {
  Source source;
  source.server.Stop();
  CHECK_THAT(source.Refusal({}).message, Contains("connect") && Contains("attempt 3 of 3"));
}

TEST_CASE("Hostile source: one that lies about the length of its body") {
  Source source;
  CHECK_THAT(source.Refusal({.body = Disk(), .claimed_length = 2 << 20}).message,
             Contains("1048576 of 2097152 bytes came"));
  const Error huge = source.Refusal({.body = Disk(), .claimed_length = std::uint64_t{1} << 62});
  CHECK(huge.code == Code::kTooLarge);
  CHECK_THAT(huge.message, Contains("4611686018427387904 bytes exceed the limit of 8388608"));
  CHECK_THAT(source.Refusal({.body = Disk(), .claimed_length = 100}).message,
             Contains("not a disk image"));
}

TEST_CASE("Hostile source: one whose body is larger than the limit") {
  Source source;
  source.limits.transfer.max_bytes = 1000;
  const Error error = source.Refusal({.body = Disk()});
  CHECK(error.code == Code::kTooLarge);
  CHECK_THAT(error.message, Contains("limit of 1000"));
  CHECK(source.Requests() == 1);
}

TEST_CASE("Hostile source: one that sends strange or endless validators is never asked with them") {
  Source source;
  source.limits.transfer.attempts = 2;
  const auto fetched =
      source.Fetch({.body = Disk(),
                    .headers = {{"ETag", "\"\x01\""}, {"Last-Modified", std::string(5000, 'x')}},
                    .cut_after = 600'000,
                    .cuts = 1});
  REQUIRE(fetched);
  CHECK_THAT(source.server.Requests("/image")[1], !Contains("Range"));
}

TEST_CASE("Hostile source: one that sends a gzip bomb") {
  Source source;
  const Error error =
      source.Refusal({.body = test::Compressed("gzip", std::string(16 << 20, '\0'))});
  CHECK(error.code == Code::kTooLarge);
  CHECK_THAT(error.message, Contains("unpacks to more than the limit of 4194304 bytes"));
}

TEST_CASE("Hostile source: one that sends a qcow2 with a backing file or a data file") {
  Source source;
  const std::string backed = test::Qcow2(1 << 20, "/etc/passwd");
  CHECK_THAT(source.Refusal({.body = backed}).message, Contains("names a backing file"));
  CHECK_THAT(source.Refusal({.body = test::Compressed("zstd", backed)}).message,
             Contains("names a backing file"));
  std::string with_data_file = test::Qcow2(1 << 20);
  with_data_file[79] = 1 << 2;
  CHECK_THAT(source.Refusal({.body = with_data_file}).message, Contains("external data file"));
}

TEST_CASE("Hostile source: one that sends an image of 10 TB") {
  Source source;
  CHECK_THAT(source.Refusal({.body = test::Qcow2(10'000'000'000'000)}).message,
             Contains("virtual size of 10000000000000") && Contains("limit"));
}

TEST_CASE("Hostile source: an image for which the disk has no room") {
  Source source;
  const std::string packed = test::Compressed("gzip", Disk());
  const FullDisk full(500'000);
  for (const std::string& body : {Disk(), packed}) {
    const auto fetched = source.Fetch({.body = body});
    REQUIRE(!fetched);
    CHECK(fetched.error().code == Code::kNoCapacity);
    CHECK_THAT(fetched.error().message, Contains((source.directory / "images/incoming").string()));
    CHECK(test::FilesBelow(source.directory.path()).empty());
  }
}

TEST_CASE("Hostile source: one that sends garbage, nothing, or another format") {
  Source source;
  CHECK_THAT(source.Refusal({.body = std::string(5000, 'g')}).message,
             Contains("not a disk image"));
  CHECK_THAT(source.Refusal({.body = ""}).message, Contains("not a disk image"));
  CHECK_THAT(
      source.Refusal({.body = "# Disk DescriptorFile\nRW 1 FLAT \"/etc/passwd\" 0\n"}).message,
      Contains("VMDK") && Contains("convert it to qcow2"));
  CHECK_THAT(source.Refusal({.body = test::Qcow2(1 << 20).substr(0, 100'000)}).message,
             Contains("L1 table lies outside"));
  CHECK_THAT(source.Refusal({.body = test::Compressed("gzip", Disk()).substr(0, 500)}).message,
             Contains("compression is broken"));
}

}  // namespace
}  // namespace sf::images
