// SPDX-License-Identifier: Apache-2.0
#include "images/image_ref.h"

#include <catch2/catch.hpp>

namespace sf::images {
namespace {

using Catch::Matchers::Contains;

std::string Refusal(const std::string& base) {
  const auto parsed = ParseImageRef(base);
  REQUIRE(!parsed);
  CHECK(parsed.error().code == Code::kInvalid);
  return parsed.error().message;
}

TEST_CASE("ImageRef: no base, in any spelling, is a blank disk") {
  for (const char* base : {"", "none", "None", "NONE"}) {
    CAPTURE(base);
    const auto parsed = ParseImageRef(base);
    REQUIRE(parsed);
    CHECK(std::holds_alternative<BlankDisk>(*parsed));
  }
}

TEST_CASE("ImageRef: a URL is kept as it is, its checksum taken off") {
  const std::string digest(64, 'a');
  for (const std::string url :
       {"http://host/image.qcow2", "HTTPS://host:8080/a?b=c&d=%20", "http://[::1]:80/x",
        "http://127.0.0.1", "http://host?only=query@home"}) {
    CAPTURE(url);
    const auto plain = ParseImageRef(url);
    REQUIRE(plain);
    CHECK(std::get<ImageUrl>(*plain).url == url);
    CHECK(!std::get<ImageUrl>(*plain).sha256);
    const auto checked = ParseImageRef(url + "#sha256=" + std::string(64, 'A'));
    REQUIRE(checked);
    CHECK(std::get<ImageUrl>(*checked).url == url);
    CHECK(std::get<ImageUrl>(*checked).sha256 == digest);
  }
}

TEST_CASE("ImageRef: what the cloud keeps itself is known by its kind") {
  const auto is = [](const char* base, StoredImage::Kind kind, const char* owner,
                     const char* name) {
    CAPTURE(base);
    const auto parsed = ParseImageRef(base);
    REQUIRE(parsed);
    const auto& stored = std::get<StoredImage>(*parsed);
    CHECK(stored.kind == kind);
    CHECK(stored.namespace_name == owner);
    CHECK(stored.name == name);
  };
  is("label:mine", StoredImage::Kind::kLabel, "", "mine");
  is("sf://label/team/mine", StoredImage::Kind::kLabel, "team", "mine");
  is("sf://upload/system/debian-12", StoredImage::Kind::kUpload, "system", "debian-12");
  is("sf://snapshot/5b1c6d3e", StoredImage::Kind::kSnapshot, "", "5b1c6d3e");
  is("sf://blob/5b1c6d3e", StoredImage::Kind::kBlob, "", "5b1c6d3e");
}

TEST_CASE("ImageRef: a base that is none is refused with what is wrong") {
  CHECK_THAT(Refusal("debian:12"), Contains("debian:12") && Contains("short names"));
  CHECK_THAT(Refusal("cirros"), Contains("short names"));
  CHECK_THAT(Refusal("ftp://host/x"), Contains("only http:// and https://"));
  CHECK_THAT(Refusal("file:///etc/passwd"), Contains("only http:// and https://"));
  CHECK_THAT(Refusal("http://"), Contains("no host"));
  CHECK_THAT(Refusal("http:///path"), Contains("no host"));
  CHECK_THAT(Refusal("http://host:99999/"), Contains("not a port"));
  CHECK_THAT(Refusal("http://host:/"), Contains("not a port"));
  CHECK_THAT(Refusal("http://user:secret@host/"), Contains("password") && !Contains("secret"));
  CHECK_THAT(Refusal("http://good.example%0d%0a@evil/"), Contains("user name"));
  CHECK_THAT(Refusal("http://good\\@evil/"), Contains("0x5c"));
  CHECK_THAT(Refusal("http://host/a b"), Contains("0x20"));
  CHECK_THAT(Refusal("http://host/a\r\nHost: b"), Contains("0x0d"));
  CHECK_THAT(Refusal(std::string("http://host/\0x", 14)), Contains("0x00"));
  CHECK_THAT(Refusal("http://h\xc3\xb6st/"), Contains("0xc3"));
  CHECK_THAT(Refusal("http://host/#sha256=1234"), Contains("64 hexadecimal"));
  CHECK_THAT(Refusal("http://host/#sha256=" + std::string(64, 'g')), Contains("64 hexadecimal"));
  CHECK_THAT(Refusal("http://host/#"), Contains("64 hexadecimal"));
  CHECK_THAT(Refusal("http://host/#md5=00"), Contains("sha256="));
  CHECK_THAT(Refusal("http://host/" + std::string(2048, 'x')), Contains("2048"));
  CHECK_THAT(Refusal("label:"), Contains("label:NAME"));
  CHECK_THAT(Refusal("sf://label/onlyname"), Contains("NAMESPACE/NAME"));
  CHECK_THAT(Refusal("sf://blob/"), Contains("UUID"));
  CHECK_THAT(Refusal("sf://instance/uuid/vda"), Contains("snapshot or blob"));
}

TEST_CASE("ImageRef: a URL reads back from its text, with its checksum, and nothing else is one") {
  const std::string plain = "http://images/tiny.qcow2";
  const std::string pinned = plain + "#sha256=" + std::string(64, 'a');
  CHECK(ToString(ParseImageUrl(plain).value()) == plain);
  CHECK(ToString(ParseImageUrl(pinned).value()) == pinned);
  for (const char* other : {"", "none", "label:golden", "sf://blob/x", "ftp://images/x"}) {
    CAPTURE(other);
    CHECK(ParseImageUrl(other).error().code == Code::kInvalid);
  }
}

TEST_CASE("ImageRef: a blob's name in the database is read back, and is no URL") {
  const std::string sha256(64, 'a');
  const ImageUrl image = BlobSource("b-1", sha256);
  const auto back = ParseImageSource(ToString(image));
  REQUIRE(back);
  CHECK(BlobOf(*back) == "b-1");
  CHECK(back->sha256 == sha256);
  CHECK_FALSE(ParseImageUrl(ToString(image)));
  CHECK_FALSE(ParseImageSource("sf://blob/b-1"));
  CHECK_FALSE(BlobOf(*ParseImageSource("http://x/y")));
}

}  // namespace
}  // namespace sf::images
