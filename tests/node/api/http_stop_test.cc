// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <future>

#include "node/api/http_server.h"
#include "tests/node/api/test_server.h"

namespace sf::api {
namespace {

using namespace std::chrono_literals;

Response Echo(const Request& request) { return {.body = request.method + " " + request.path}; }

}  // namespace

TEST_CASE("HttpServer: Stop lets a running request finish and cuts off half a one", "[http]") {
  const EachTransport transport;
  std::promise<void> entered;
  std::promise<void> go;
  const auto gone = go.get_future().share();
  TestServer served(TestOptions(), [&](const Request& request) {
    entered.set_value();
    gone.wait();
    return Echo(request);
  });
  RawClient running = served.Connect();
  running.Send(WithBody("GET", "/running", ""));
  entered.get_future().wait();
  RawClient half = served.Connect();
  half.Send("GET /half HTTP/1.1\r\n");
  RawClient idle = served.Connect();

  auto stopped = std::async(std::launch::async, [&] { served.server.Stop(); });
  CHECK(half.IsClosed());
  CHECK(stopped.wait_for(0s) == std::future_status::timeout);
  go.set_value();
  CHECK(running.Read().body == "GET /running");
  CHECK(stopped.wait_for(5s) == std::future_status::ready);
  CHECK(idle.IsClosed());
  served.server.Stop();
}

// A client that goes on to the next node when a connection is refused never sees that a node stops.
TEST_CASE("HttpServer: while it stops, who is connected has one more request answered", "[http]") {
  const EachTransport transport;
  TestServer served(TestOptions(), Echo);
  RawClient kept = served.Connect();
  kept.Send(WithBody("GET", "/first", ""));
  CHECK_FALSE(kept.Read().Closes());
  RawClient fresh = served.Connect();
  auto stopped = std::async(std::launch::async, [&] { served.server.Stop(); });
  for (RawClient* client : {&kept, &fresh}) client->Send(WithBody("GET", "/last", ""));
  for (RawClient* client : {&kept, &fresh}) {
    CHECK(client->Read().body == "GET /last");
    CHECK(client->IsClosed());
  }
  CHECK(stopped.wait_for(5s) == std::future_status::ready);
}

}  // namespace sf::api
