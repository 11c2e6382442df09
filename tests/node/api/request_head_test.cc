// SPDX-License-Identifier: Apache-2.0
#include "node/api/request_head.h"

#include <catch2/catch.hpp>

namespace sf::api {
namespace {

Result<RequestHead> Parse(const std::string& headers) {
  return ParseRequestHead("GET / HTTP/1.1\r\n" + headers + "\r\n", 100);
}

}  // namespace

TEST_CASE("RequestHead: the headers say where the body ends", "[http]") {
  CHECK_FALSE(Parse("Host: a\r\n")->HasBody());
  CHECK(Parse("content-LENGTH:  12\t\r\n")->content_length == 12);
  CHECK(Parse("Transfer-Encoding: Chunked\r\n")->chunked);
  CHECK(Parse("Expect: 100-Continue\r\n")->expects_continue);
}

TEST_CASE("RequestHead: a connection is kept unless the client or its version says otherwise",
          "[http]") {
  CHECK(Parse("Host: a\r\n")->keep_alive);
  CHECK_FALSE(Parse("Connection: foo, Close\r\n")->keep_alive);
  CHECK(Parse("Connection: not-close\r\n")->keep_alive);
  CHECK_FALSE(ParseRequestHead("GET / HTTP/1.0\r\n\r\n", 100)->keep_alive);
}

TEST_CASE("RequestHead: a value is taken as it stands, without its blanks", "[http]") {
  const auto head = Parse("X-A: \t one%20two \r\nX-B:\r\nX-C: \xc3\xa4\r\n");
  REQUIRE(head);
  CHECK(head->headers == HttpHeaders{{"X-A", "one%20two"}, {"X-B", ""}, {"X-C", "\xc3\xa4"}});
}

TEST_CASE("RequestHead: what two readers could take in two ways is refused", "[http]") {
  const std::string line = GENERATE(
      as<std::string>{}, "Content-Length: 3\r\nContent-Length: 4\r\n",
      "Content-Length: 3\r\nContent-Length: 3\r\n", "Content-Length: 3, 3\r\n",
      "Content-Length: -1\r\n", "Content-Length: +1\r\n", "Content-Length: 0x10\r\n",
      "Content-Length: 1 0\r\n", "Content-Length:\r\n", "Content-Length: 18446744073709551616\r\n",
      "Content-Length: %33\r\n", "Content-Length : 3\r\n", " Content-Length: 3\r\n",
      "X: a\r\n folded\r\n", "X: a\nY: b\r\n", "Content-Length: 3\n", "X: a\rY: b\r\n",
      "X: \x01\r\n", "no colon\r\n", ": no name\r\n",
      "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
      "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
      "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: xchunked\r\n",
      "Transfer-Encoding: identity\r\n", "Expect: something\r\n");
  CAPTURE(line);
  const auto head = Parse(line);
  REQUIRE_FALSE(head);
  CHECK(head.error().code == Code::kInvalid);
}

TEST_CASE("RequestHead: NUL and what is cut off are refused", "[http]") {
  using namespace std::string_view_literals;
  CHECK_FALSE(ParseRequestHead("GET / HTTP/1.1\r\nX: a\0b\r\n\r\n"sv, 100));
  CHECK_FALSE(ParseRequestHead("GET / HTTP/1.1\r\nX: a\r\n"sv, 100));
  CHECK_FALSE(ParseRequestHead("GET / HTTP/1.1"sv, 100));
  CHECK_FALSE(ParseRequestHead("GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"sv, 100));
}

TEST_CASE("RequestHead: the number of headers is limited", "[http]") {
  std::string headers;
  for (int i = 0; i < 101; ++i) headers += "X: y\r\n";
  const auto head = Parse(headers);
  REQUIRE_FALSE(head);
  CHECK(head.error().code == Code::kTooLarge);
}

}  // namespace sf::api
