// SPDX-License-Identifier: Apache-2.0
#include "node/api/forward.h"

#include <catch2/catch.hpp>
#include <optional>

#include "node/api/http_server.h"

namespace sf::api {
namespace {

/// A cluster of "a" in `state`, whose API nobody listens on.
ClusterView Cluster(gossip::MemberState state, std::uint16_t api_port) {
  MemberView member;
  member.name = NodeId("a");
  member.address = {0x7f000001, 13002};
  member.state = state;
  member.advert.emplace().identity.api_port = api_port;
  return {.members = {member}, .role = {}};
}

std::shared_ptr<const std::string> SystemAuthorities() {
  return std::make_shared<const std::string>();
}

std::string Refusal(const ClusterView& view, const char* node, Caller caller = {},
                    std::ptrdiff_t limit = 1) {
  NodeTokens tokens(NodeId("self"),
                    [] { return std::make_shared<const ClusterKeys>(ClusterKeys(1)); });
  Forward forward(
      tokens, [&view] { return std::make_shared<const ClusterView>(view); }, SystemAuthorities,
      limit);
  Request request;
  request.method = "GET";
  request.target = "/instances/web1/consoledata";
  const auto answer = forward.To(NodeId(node), {request, std::move(caller), {}, {}, {}});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == Code::kUnavailable);
  return answer.error().message;
}

}  // namespace

using Catch::Matchers::Contains;
using gossip::MemberState;

TEST_CASE("Forward: whoever cannot be asked is named, with the reason") {
  CHECK_THAT(Refusal(Cluster(MemberState::kAlive, 1), "b"), Contains("only node b can answer"));
  CHECK_THAT(Refusal(Cluster(MemberState::kUnreachable, 1), "a"), Contains("it is unreachable"));
  CHECK_THAT(Refusal(Cluster(MemberState::kDead, 1), "a"), Contains("it is dead"));
  CHECK_THAT(Refusal(Cluster(MemberState::kLeft, 1), "a"), Contains("it has left"));
  CHECK_THAT(Refusal(Cluster(MemberState::kAlive, 0), "a"), Contains("where its API is"));
  CHECK_THAT(Refusal(Cluster(MemberState::kAlive, 1), "a"), Contains("node a does not answer: "));
}

TEST_CASE("Forward: a node is asked as it says that its API is to be asked") {
  ClusterView view = Cluster(MemberState::kAlive, 13000);
  CHECK(ApiUrlOf(view, NodeId("a")).value() == "http://127.0.0.1:13000");
  view.members[0].advert->identity.api_tls = true;
  CHECK(ApiUrlOf(view, NodeId("a")).value() == "https://127.0.0.1:13000");
}

TEST_CASE("Forward: a call that was passed on goes no further") {
  const Caller passed_on = {NamespaceId("team"), "key", NodeId("c")};
  CHECK_THAT(Refusal(Cluster(MemberState::kAlive, 1), "a", passed_on),
             Contains("node c passed this on here"));
}

TEST_CASE("Forward: no more calls wait for other nodes than may") {
  CHECK_THAT(Refusal(Cluster(MemberState::kAlive, 1), "a", {}, 0), Contains("too many calls"));
}

TEST_CASE("Forward: a body is passed through, but only the one that the row speaks of") {
  HttpOptions options;
  options.addresses = {"127.0.0.1"};
  options.port = 0;
  const std::string bytes(1'000'000, 'x');
  bool gone = false;
  HttpServer far_end(std::move(options), [&](const Request&) {
    return gone ? ErrorResponse(404, "evicted") : Response{.body = bytes};
  });
  REQUIRE(far_end.Listen());
  far_end.Start();
  const auto pass = [&](std::uint64_t expected) -> Result<std::string> {
    const ClusterView view =
        Cluster(MemberState::kAlive, static_cast<std::uint16_t>(far_end.port()));
    NodeTokens tokens(NodeId("self"),
                      [] { return std::make_shared<const ClusterKeys>(ClusterKeys(1)); });
    Forward forward(
        tokens, [&view] { return std::make_shared<const ClusterView>(view); }, SystemAuthorities,
        1);
    std::optional<BodyStream> stream;
    {
      Request request;  // It is gone by the time that the body is streamed.
      request.method = "GET";
      request.target = "/blobs/u/data";
      stream = TRY(forward.Stream(NodeId("a"), {request, {}, {}, {}, {}}, expected));
    }
    std::string got;
    TRY(stream->write([&](std::string_view piece) -> Result<void> {
      got += piece;
      return {};
    }));
    return got;
  };
  CHECK(pass(bytes.size()) == bytes);
  CHECK_THAT(pass(5).error().message, Contains("has 1000000 bytes, and not the 5"));
  gone = true;
  CHECK_THAT(pass(5).error().message, Contains("node a answers 404"));
}

}  // namespace sf::api
