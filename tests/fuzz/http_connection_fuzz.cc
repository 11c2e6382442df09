// SPDX-License-Identifier: Apache-2.0
// All that one client sends: what is taken for requests does not depend on the pieces it comes in.
#include "node/api/http_connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {
namespace {

using namespace std::chrono_literals;
using For = api::HttpWait::For;

constexpr api::HttpLimits kLimits{.head = 512, .body = 256, .request = 60s};

/// The requests that the handler saw when `input` came in pieces of `size`.
std::vector<std::string> Requests(std::string_view input, std::size_t size) {
  int ends[2];
  SF_CHECK(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == 0);
  std::vector<std::string> seen;
  const api::HttpHandler handler = [&](const api::Request& request) {
    SF_CHECK(request.body.size() <= kLimits.body);
    seen.push_back(request.method + " " + request.target + " " + request.body);
    return api::Response{};
  };
  api::HttpFigures figures;
  const std::atomic<bool> last = false;
  api::HttpConnection connection(ends[0], kLimits, handler, nullptr, figures, last);
  for (;;) {
    const For wait = connection.Advance().what;
    char answers[4096];
    while (::recv(ends[1], answers, sizeof answers, 0) > 0) continue;
    if (wait == For::kEnd) break;
    if (wait == For::kTurn || wait == For::kRoom) continue;
    if (input.empty()) break;
    const std::string_view piece = input.substr(0, size);
    SF_CHECK(::send(ends[1], piece.data(), piece.size(), MSG_NOSIGNAL) ==
             static_cast<ssize_t>(piece.size()));
    input.remove_prefix(piece.size());
  }
  ::close(ends[1]);
  return seen;
}

}  // namespace

void Try(std::string_view input) {
  Cutter cut(input);
  const std::size_t size = 1 + cut.Byte() % 32;
  const std::string_view sent = cut.Take(input.size());
  SF_CHECK(Requests(sent, size) == Requests(sent, std::max<std::size_t>(sent.size(), 1)));
}

std::vector<std::string> Seeds() {
  const std::string get = "GET /a?b=c HTTP/1.1\r\nContent-Length: 8\r\n\r\n{\"a\": 1}";
  const std::string chunked =
      "POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;e=f\r\nabc\r\n0a\r\n0123456789\r\n"
      "0\r\nT: t\r\n\r\n";
  return {"\x07" + get + chunked + get, "\x01" + chunked,
          "\x03PUT /e HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx" + get,
          "\x05POST /upload/u HTTP/1.1\r\nContent-Length: 9999\r\n\r\nx"};
}

}  // namespace sf::fuzz
