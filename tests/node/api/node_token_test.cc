// SPDX-License-Identifier: Apache-2.0
#include "node/api/node_token.h"

#include <catch2/catch.hpp>

namespace sf::api {
namespace {

using namespace std::chrono_literals;

ClusterKeys::value_type Key(std::uint8_t byte) {
  ClusterKeys::value_type key;
  key.fill(byte);
  return key;
}

NodeTokens Tokens(const char* self, ClusterKeys keys = {Key(1)}) {
  return {NodeId(self),
          [keys = std::make_shared<const ClusterKeys>(std::move(keys))] { return keys; }};
}

const NodeTokens::Time kNow{1'700'000'000s};
const Caller kCaller = {NamespaceId("team"), "deploy"};

Request Call() {
  Request request;
  request.method = "GET";
  request.target = "/instances/web1/consoledata?x=1";
  request.body = R"({"length": 10})";
  return request;
}

/// As `from` passes Call() on to "b".
Request PassedOn(const NodeTokens& from, const NodeTokens::Time& when = kNow) {
  Request request = Call();
  request.headers = {{"authorization", from.Sign(request, kCaller, NodeId("b"), when)}};
  return request;
}

std::string Refusal(NodeTokens& tokens, const Request& request, NodeTokens::Time now = kNow) {
  const auto caller = tokens.Verify(request, now);
  if (caller) return "let in";
  CHECK(caller.error().code == Code::kUnauthorized);
  return caller.error().message;
}

}  // namespace

TEST_CASE("NodeTokens: the far end learns who asks, with which rights, and who passed it on") {
  NodeTokens b = Tokens("b");
  const Request request = PassedOn(Tokens("a"));
  REQUIRE(NodeTokens::IsIn(request));
  const auto caller = b.Verify(request, kNow + 1s);
  REQUIRE(caller);
  CHECK(caller->name_space == kCaller.name_space);
  CHECK(caller->key_name == kCaller.key_name);
  CHECK(caller->via == NodeId("a"));
  CHECK_FALSE(caller->IsAdmin());
  CHECK_FALSE(NodeTokens::IsIn(Call()));
}

TEST_CASE("NodeTokens: a token is for one request, to the last byte") {
  NodeTokens b = Tokens("b");
  const Request good = PassedOn(Tokens("a"));
  Request other = good;
  other.method = "DELETE";
  CHECK(Refusal(b, other).find("not made for this request") != std::string::npos);
  other = good;
  other.target = "/instances/web2/consoledata?x=1";
  CHECK(Refusal(b, other).find("not made for this request") != std::string::npos);
  other = good;
  other.body = R"({"length": 99})";
  CHECK(Refusal(b, other).find("not made for this request") != std::string::npos);
  // What moves from one part into the next is another request, too.
  other = good;
  other.target += '{';
  other.body.erase(0, 1);
  CHECK(Refusal(b, other).find("not made for this request") != std::string::npos);
  CHECK(Refusal(b, good) == "let in");
}

TEST_CASE("NodeTokens: a token is good once, for a moment, and on one node") {
  NodeTokens b = Tokens("b");
  const Request request = PassedOn(Tokens("a"));
  NodeTokens c = Tokens("c");
  CHECK(Refusal(c, request).find("it is for node b") != std::string::npos);
  CHECK(Refusal(b, request, kNow + 11s).find("11.0 s old") != std::string::npos);
  CHECK(Refusal(b, request, kNow - 11s).find("-11.0 s old") != std::string::npos);
  // First seen as early as it may be, it is remembered for as long as it could be let in again.
  CHECK(Refusal(b, request, kNow - 10s) == "let in");
  for (const auto later : {-10s, 0s, 10s}) {
    CHECK(Refusal(b, request, kNow + later).find("used before") != std::string::npos);
  }
  CHECK(Refusal(b, PassedOn(Tokens("a"))) == "let in");
}

TEST_CASE("NodeTokens: while the keys are rotated any key of the ring will do, and no other") {
  NodeTokens old_ring = Tokens("b", {Key(1)});
  NodeTokens added = Tokens("b", {Key(1), Key(2)});
  NodeTokens promoted = Tokens("b", {Key(2), Key(1)});
  CHECK(Refusal(promoted, PassedOn(Tokens("a", {Key(1), Key(2)}))) == "let in");
  CHECK(Refusal(added, PassedOn(Tokens("a", {Key(2), Key(1)}))) == "let in");
  CHECK(Refusal(old_ring, PassedOn(Tokens("a", {Key(2)}))).find("key of this cluster") !=
        std::string::npos);
}

TEST_CASE("NodeTokens: what strangers make up is refused") {
  NodeTokens b = Tokens("b");
  const std::string good(PassedOn(Tokens("a")).Header("Authorization"));
  for (const std::string& header :
       {std::string("Node "), std::string("Node ."), std::string("Node e30.e30"),
        std::string("Node ") + std::string(5000, 'a') + ".a", good + "A", good.substr(0, 60)}) {
    CAPTURE(header);
    Request request = Call();
    request.headers = {{"Authorization", header}};
    CHECK(Refusal(b, request).starts_with("node token refused: "));
  }
}

}  // namespace sf::api
