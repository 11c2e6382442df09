// SPDX-License-Identifier: Apache-2.0
#include "node/base/http_client.h"

#include <catch2/catch.hpp>
#include <stop_token>
#include <thread>

#include "tests/images/bad_server.h"
#include "tests/images/test_directory.h"

namespace sf {
namespace {

using Catch::Matchers::Contains;
using namespace std::chrono_literals;

const HttpClient::OnHead kWanted = [](const HttpHead&) { return true; };
const HttpClient::Sink kDropped = [](std::string_view) { return Result<void>{}; };

HttpDownload DownloadOf(std::string url) {
  return {.url = std::move(url), .stall_timeout = 1s, .max_bytes = 1 << 20};
}

TEST_CASE("HttpClient: any status is an answer, with its headers in lower case and its body") {
  test::BadServer server;
  server.Put("/made", {.body = "hello", .status = 201, .headers = {{"X-Some-Thing", " a b "}}});
  HttpClient client;

  const auto made =
      client.Request({.method = "POST", .url = server.Url("/made"), .body = "the body"});
  REQUIRE(made);
  CHECK(made->head.status == 201);
  CHECK(made->head.Header("x-some-thing") == "a b");
  CHECK(made->body == "hello");
  CHECK_THAT(server.Requests("/made").at(0), Contains("POST /made ") && Contains("the body"));

  const auto missing = client.Request({.method = "DELETE", .url = server.Url("/missing")});
  REQUIRE(missing);
  CHECK(missing->head.status == 404);
  CHECK_THAT(server.Requests("/missing").at(0), Contains("DELETE /missing "));
}

TEST_CASE("HttpClient: a request goes over a Unix socket when it names one") {
  const test::TestDirectory directory;
  test::BadServer server((directory / "socket").string());
  server.Put("/v1/thing", {.body = "{}"});
  HttpClient client;
  const auto response = client.Request(
      {.url = "http://docker/v1/thing", .unix_socket = (directory / "socket").string()});
  REQUIRE(response);
  CHECK(response->body == "{}");
}

TEST_CASE("HttpClient: an answer beyond the limit or the deadline is an error that names the URL") {
  test::BadServer server;
  server.Put("/big", {.body = std::string(5000, 'x')});
  server.Put("/slow", {.body = "x", .held = true});
  HttpClient client;

  const auto big = client.Request({.url = server.Url("/big"), .max_body = 4999});
  REQUIRE(!big);
  CHECK(big.error().code == Code::kTooLarge);
  CHECK_THAT(big.error().message, Contains(server.Url("/big")) && Contains("4999"));

  const auto slow = client.Request({.url = server.Url("/slow"), .timeout = 50ms});
  REQUIRE(!slow);
  CHECK(slow.error().code == Code::kTimeout);
  CHECK_THAT(slow.error().message, Contains(server.Url("/slow")));
}

TEST_CASE("HttpClient: a message never shows the credentials of its URL") {
  CHECK(WithoutCredentials("http://u:p@host/a@b") == "http://host/a@b");
  CHECK(WithoutCredentials("http://u:p@x@host?q") == "http://host?q");
  CHECK(WithoutCredentials("http://host/a?b=c@d") == "http://host/a?b=c@d");
  HttpClient client;
  const auto refused = client.Request({.url = "http://user:secret@127.0.0.1:1/"});
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::kUnavailable);
  CHECK_THAT(refused.error().message, Contains("GET http://127.0.0.1:1/") && !Contains("secret"));
}

TEST_CASE("HttpClient: a request header cannot carry a second one") {
  HttpClient client;
  const auto refused =
      client.Request({.url = "http://127.0.0.1:1/", .headers = {{"ETag", "a\r\nEvil: b"}}});
  REQUIRE(!refused);
  CHECK(refused.error().code == Code::kInvalid);
}

TEST_CASE("HttpClient: a download follows redirects, and gives only the last answer") {
  test::BadServer server;
  server.Put("/from", {.body = "moved", .status = 302, .headers = {{"Location", "/to"}}});
  server.Put("/to", {.body = "here"});
  HttpClient client;
  std::string body;
  std::vector<int> heads;
  const auto head = client.Download(
      DownloadOf(server.Url("/from")),
      [&](const HttpHead& answer) {
        heads.push_back(answer.status);
        return true;
      },
      [&](std::string_view bytes) {
        body += bytes;
        return Result<void>{};
      });
  REQUIRE(head);
  CHECK(heads == std::vector{200});
  CHECK(body == "here");
}

TEST_CASE("HttpClient: redirects end at their limit, and at anything but http and https") {
  test::BadServer server;
  server.Put("/loop", {.status = 302, .headers = {{"Location", "/loop"}}});
  server.Put("/file", {.status = 302, .headers = {{"Location", "file:///etc/passwd"}}});
  HttpClient client;
  const auto loop = client.Download(DownloadOf(server.Url("/loop")), kWanted, kDropped);
  REQUIRE(!loop);
  CHECK(loop.error().code == Code::kInvalid);
  CHECK_THAT(loop.error().message, Contains("more than 5 redirects"));
  CHECK(server.Requests("/loop").size() == 6);

  const auto file = client.Download(DownloadOf(server.Url("/file")), kWanted, kDropped);
  REQUIRE(!file);
  CHECK(file.error().code == Code::kInvalid);
  CHECK_THAT(file.error().message, Contains("neither http nor https"));
}

TEST_CASE("HttpClient: a download that stalls is broken off") {
  test::BadServer server;
  server.Put("/stall", {.body = "0123456789", .cut_after = 5, .stall = true});
  HttpClient client;
  const auto stalled = client.Download(DownloadOf(server.Url("/stall")), kWanted, kDropped);
  REQUIRE(!stalled);
  CHECK(stalled.error().code == Code::kTimeout);
  CHECK_THAT(stalled.error().message, Contains("stalled"));
}

TEST_CASE("HttpClient: a stop ends a download") {
  test::BadServer server;
  server.Put("/stall", {.body = "0123456789", .cut_after = 5, .stall = true});
  std::stop_source source;
  HttpClient client;
  HttpDownload download = DownloadOf(server.Url("/stall"));
  download.stall_timeout = 60s;
  const auto stopped = client.Download(
      download, kWanted,
      [&](std::string_view) {
        source.request_stop();
        return Result<void>{};
      },
      source.get_token());
  REQUIRE(!stopped);
  CHECK_THAT(stopped.error().message, Contains("cancelled"));
}

TEST_CASE("HttpClient: an unwanted body is left, and a sink's error comes back as it is") {
  test::BadServer server;
  server.Put("/body", {.body = std::string(1000, 'x')});
  HttpClient client;
  const auto left = client.Download(
      DownloadOf(server.Url("/body")), [](const HttpHead&) { return false; },
      [](std::string_view) -> Result<void> { return Fail(Code::kInternal, "not to be called"); });
  REQUIRE(left);
  CHECK(left->status == 200);

  const auto full = client.Download(
      DownloadOf(server.Url("/body")), kWanted,
      [](std::string_view) -> Result<void> { return Fail(Code::kNoCapacity, "disk full"); });
  REQUIRE(!full);
  CHECK(full.error().code == Code::kNoCapacity);
  CHECK(full.error().message == "disk full");
}

TEST_CASE("HttpClient: a body that ends before its stated length is a failure on the way") {
  test::BadServer server;
  server.Put("/half", {.body = "0123456789", .cut_after = 5});
  HttpClient client;
  const auto half = client.Download(DownloadOf(server.Url("/half")), kWanted, kDropped);
  REQUIRE(!half);
  CHECK(half.error().code == Code::kUnavailable);
  CHECK_THAT(half.error().message, Contains("closed the connection"));
}

}  // namespace
}  // namespace sf
