// SPDX-License-Identifier: Apache-2.0
// Clients that want too much, or take too long: what the others notice of them.
#include <arpa/inet.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>
#include <future>

#include "tests/node/api/test_server.h"

namespace sf::api {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLarge =
    8 << 20;  // More than the kernel takes for a peer that reads nothing.

Response Answer(const Request& request) {
  return {.body = request.path == "/large" ? std::string(kLarge, 'x') : request.body};
}

struct Served : TestServer {
  explicit Served(HttpOptions options = TestOptions(), HttpHandler handler = Answer)
      : TestServer(std::move(options), std::move(handler)) {}

  /// How long somebody waits who asks for nothing special.
  Clock::duration Ask() const {
    const auto begin = Clock::now();
    RawClient client = Connect();
    client.Send(WithBody("GET", "/", "hello"));
    CHECK(client.Read().body == "hello");
    return Clock::now() - begin;
  }
};

/// The server knows of so much of something, within some seconds.
template <class T>
bool Becomes(const T& figure, std::uint64_t wanted) {
  const auto begin = Clock::now();
  while (figure < wanted && Clock::now() - begin < 15s) std::this_thread::sleep_for(5ms);
  return figure >= wanted;
}

/// A client at another address than RawClient's, over TCP.
class Elsewhere {
 public:
  explicit Elsewhere(int port, const char* address = "127.0.0.2")
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in here{.sin_family = AF_INET, .sin_port = 0, .sin_addr = {}, .sin_zero = {}};
    ::inet_pton(AF_INET, address, &here.sin_addr);
    sockaddr_in there = here;
    ::inet_pton(AF_INET, "127.0.0.1", &there.sin_addr);
    there.sin_port = htons(static_cast<std::uint16_t>(port));
    REQUIRE(::bind(socket_.get(), reinterpret_cast<sockaddr*>(&here), sizeof here) == 0);
    REQUIRE(::connect(socket_.get(), reinterpret_cast<sockaddr*>(&there), sizeof there) == 0);
    const timeval patience{.tv_sec = 10, .tv_usec = 0};
    ::setsockopt(socket_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }

  void Send(std::string_view bytes) const {
    CHECK(::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) ==
          static_cast<ssize_t>(bytes.size()));
  }
  /// What comes next; empty when the server has closed.
  std::string Receive() const {
    char bytes[4096];
    const ssize_t count = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    return {bytes, static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }

 private:
  FileDescriptor socket_;
};

}  // namespace

TEST_CASE("HTTP limits: who sends a byte at a time holds no thread", "[http]") {
  const EachTransport transport;
  const Served served;
  std::vector<RawClient> slow;
  for (int i = 0; i < 40; ++i) {
    slow.push_back(served.Connect());
    slow.back().Send(i % 2 == 0 ? "GET /slow HTT"
                                : "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab");
  }
  CHECK(served.Ask() < 1s);
  for (std::size_t i = 0; i < slow.size(); ++i) {
    slow[i].Send(i % 2 == 0 ? "P/1.1\r\n\r\n" : "cde\r\n0\r\n\r\n");
    const auto answer = slow[i].Read();
    CHECK(answer.status == 200);
    CHECK(answer.body == (i % 2 == 0 ? "" : "abcde"));
  }
}

TEST_CASE("HTTP limits: who reads nothing of a large answer holds no thread", "[http]") {
  const EachTransport transport;
  HttpOptions options = TestOptions();
  options.limits.write = 3s;
  const Served served(options);
  std::vector<RawClient> deaf;
  for (int i = 0; i < 6; ++i) {
    deaf.push_back(served.Connect());
    deaf.back().Send(WithBody("GET", "/large", "") + WithBody("GET", "/", "next"));
  }
  CHECK(Becomes(served.server.figures().held_bytes, 6 * kLarge / 4));
  CHECK(served.Ask() < 1s);
  CHECK(deaf.front().Read().body.size() == kLarge);
  CHECK(deaf.front().Read().body == "next");
  CHECK(Becomes(served.server.figures().unread, 5));
}

TEST_CASE("HTTP limits: what waits for clients to read it takes so much memory, and no more",
          "[http]") {
  const EachTransport transport;
  HttpOptions options = TestOptions();
  options.max_held_bytes = 3 * kLarge;
  const Served served(options);
  std::vector<RawClient> deaf;
  for (int i = 0; i < 8; ++i) {
    deaf.push_back(served.Connect());
    deaf.back().Send(WithBody("GET", "/large", ""));
  }
  CHECK(Becomes(served.server.figures().turned_out_memory, 4));
  CHECK(served.server.figures().held_bytes <= options.max_held_bytes);
  CHECK(served.Ask() < 1s);
}

TEST_CASE("HTTP limits: one answer may be larger than all that may wait", "[http]") {
  HttpOptions options = TestOptions();
  options.max_held_bytes = kLarge / 2;
  const Served served(options);
  RawClient client = served.Connect();
  client.Send(WithBody("GET", "/large", ""));
  CHECK(Becomes(served.server.figures().held_bytes, kLarge));
  CHECK(client.Read().body.size() == kLarge);
}

TEST_CASE("HTTP limits: the address with the most connections makes room", "[http]") {
  HttpOptions options = TestOptions();
  options.max_connections = 20;
  const Served served(options);
  const Elsewhere kept(served.server.port());
  kept.Send("GET / HTTP/1.1\r\n");
  std::vector<RawClient> many;
  for (int i = 0; i < 60; ++i) many.push_back(served.Connect());
  CHECK(Becomes(served.server.figures().turned_out_full, 40));
  // The first that came is still there, and so is room for a second of its address.
  const Elsewhere second(served.server.port());
  second.Send(WithBody("GET", "/", "second"));
  CHECK(second.Receive().ends_with("second"));
  kept.Send("\r\n");
  CHECK(kept.Receive().starts_with("HTTP/1.1 200"));
  CHECK(served.server.figures().connections <= 21);
}

TEST_CASE("HTTP limits: addresses take turns, however much one of them asks for", "[http]") {
  HttpOptions options = TestOptions();
  options.threads = 1;
  const Served served(options, [](const Request& request) {
    std::this_thread::sleep_for(8ms);
    return Answer(request);
  });
  std::vector<RawClient> greedy;
  for (int i = 0; i < 50; ++i) {
    greedy.push_back(served.Connect());
    greedy.back().Send(WithBody("GET", "/", "1") + WithBody("GET", "/", "2") +
                       WithBody("GET", "/", "3"));
  }
  REQUIRE(Becomes(served.server.figures().waiting, 40));
  const auto begin = Clock::now();
  const Elsewhere other(served.server.port());
  other.Send(WithBody("GET", "/", "other"));
  CHECK(other.Receive().ends_with("other"));
  CHECK(Clock::now() - begin < 500ms);  // of the 1.2 s that the others take
  for (RawClient& client : greedy) {
    for (const char* body : {"1", "2", "3"}) CHECK(client.Read().body == body);
  }
}

TEST_CASE("HTTP limits: when all of an address have something to do, it still makes room",
          "[http]") {
  HttpOptions options = TestOptions();
  options.threads = 1;
  options.max_connections = 10;
  std::promise<void> go;
  const auto gone = go.get_future().share();
  const Served served(options, [&](const Request& request) {
    if (request.path == "/wait") gone.wait();
    return Answer(request);
  });
  std::vector<RawClient> greedy;
  for (int i = 0; i < 10; ++i) {
    greedy.push_back(served.Connect());
    greedy.back().Send(WithBody("GET", "/wait", ""));
  }
  REQUIRE(Becomes(served.server.figures().waiting, 9));
  const Elsewhere other(served.server.port());
  other.Send(WithBody("GET", "/", "other"));
  CHECK(Becomes(served.server.figures().turned_out_full, 1));
  go.set_value();
  CHECK(other.Receive().ends_with("other"));
}

}  // namespace sf::api
