// SPDX-License-Identifier: Apache-2.0
// The head of a request is read in one way or not at all: written down again from what was read, it
// says the same of where the body ends.
#include "node/api/request_head.h"

#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {

using api::ParseRequestHead;
using api::RequestHead;

void Try(std::string_view input) {
  constexpr std::size_t kHeaders = 16;
  const Result<RequestHead> head = ParseRequestHead(input, kHeaders);
  if (!head) return;
  SF_CHECK(head->headers.size() <= kHeaders);
  SF_CHECK(!(head->chunked && head->content_length));
  std::string written = head->request_line + "\r\n";
  for (const auto& [name, value] : head->headers) {
    SF_CHECK(!name.empty() && value.find_first_of("\r\n") == std::string::npos);
    written += name + ": " + value + "\r\n";
  }
  const Result<RequestHead> again = ParseRequestHead(written + "\r\n", kHeaders);
  SF_CHECK(again && again->request_line == head->request_line && again->headers == head->headers);
  SF_CHECK(again->content_length == head->content_length && again->chunked == head->chunked &&
           again->keep_alive == head->keep_alive);
}

std::vector<std::string> Seeds() {
  return {"GET / HTTP/1.1\r\n\r\n",
          "POST /instances?all=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\nExpect: "
          "100-continue\r\nConnection: keep-alive, close\r\n\r\n",
          "PUT /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\nX:\t y \r\n\r\n",
          "PUT /x HTTP/1.1\r\ntransfer-encoding: Chunked\r\n\r\n"};
}

}  // namespace sf::fuzz
