// SPDX-License-Identifier: Apache-2.0
// Bodies that are never held whole.
#include <catch2/catch.hpp>

#include "tests/node/api/test_server.h"

namespace sf::api {
namespace {

using namespace std::chrono_literals;

Response Upload(const Request& request) {
  if (request.path == "/upload/unread") return ErrorResponse(404, "no such upload");
  std::size_t bytes = 0, largest = 0;
  const auto read = request.read_body([&](std::string_view piece) -> Result<void> {
    bytes += piece.size();
    largest = std::max(largest, piece.size());
    return {};
  });
  if (!read) return ErrorResponse(400, read.error().message);
  return {.body = fmt::format("{} {}", bytes, largest <= 256 * 1024)};
}

struct Served : TestServer {
  explicit Served(HttpHandler handler = Upload) : TestServer(TestOptions(), std::move(handler)) {}
};

}  // namespace

TEST_CASE("HttpServer: an upload of any size is handed on in pieces", "[http]") {
  const EachTransport transport;
  Served served;
  const std::string body(3'000'000, 'x');  // The limit of other bodies is 1000.
  RawClient whole = served.Connect();
  whole.Send("POST //upload/count HTTP/1.1\r\nContent-Length: 3000000\r\n\r\n" + body);
  CHECK(whole.Read().body == "3000000 true");
  RawClient chunked = served.Connect();
  chunked.Send("POST /upload/count HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n80000\r\n" +
               body.substr(0, 0x80000) + "\r\n1\r\nx\r\n0\r\n\r\n");
  CHECK(chunked.Read().body == "524289 true");
}

TEST_CASE("HttpServer: an upload that is not wanted is refused unread", "[http]") {
  const EachTransport transport;
  Served served;
  RawClient client = served.Connect();
  client.Send("POST /upload/unread HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\nbegin");
  const auto answer = client.Read();
  CHECK(answer.status == 404);
  CHECK(answer.Closes());
}

TEST_CASE("HttpServer: a body is streamed, and the connection goes on", "[http]") {
  const EachTransport transport;
  const std::string piece(100'000, 'y');
  Served served([&](const Request&) {
    return Response{.content_type = "application/octet-stream",
                    .stream = BodyStream{1'000'000, [&](const ByteSink& sink) -> Result<void> {
                                           for (int i = 0; i < 10; ++i) TRY(sink(piece));
                                           return {};
                                         }}};
  });
  RawClient client = served.Connect();
  for (int i = 0; i < 2; ++i) {
    client.Send("GET /data HTTP/1.1\r\n\r\n");
    const auto answer = client.Read();
    CHECK(answer.status == 200);
    CHECK(answer.body.size() == 1'000'000);
  }
  client.Send("HEAD /data HTTP/1.1\r\n\r\nGET /data HTTP/1.1\r\nConnection: close\r\n\r\n");
  CHECK(client.Read(/*without_body=*/true).Header("Content-Length") == "1000000");
  CHECK(client.Read().body.size() == 1'000'000);
}

TEST_CASE("HttpServer: a stream that fails is an error before its first byte, an end after it",
          "[http]") {
  const EachTransport transport;
  for (const bool begun : {false, true}) {
    Served served([&](const Request&) {
      return Response{.stream = BodyStream{100, [&](const ByteSink& sink) -> Result<void> {
                                             if (begun) TRY(sink("some"));
                                             return Fail(Code::kUnavailable, "the peer is gone");
                                           }}};
    });
    RawClient client = served.Connect();
    client.Send("GET /data HTTP/1.1\r\n\r\n");
    if (!begun) {
      const auto answer = client.Read();
      CHECK(answer.status == 503);
      CHECK(answer.Closes());
    } else {
      CHECK(client.Read(/*without_body=*/true).status == 200);
      CHECK(client.ReadToEnd() == "some");
    }
    CHECK(client.IsClosed());
  }
}

}  // namespace sf::api
