// SPDX-License-Identifier: Apache-2.0
// No stranger's header is let in, and none shuts out a genuine one.
#include "node/api/node_token.h"

#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {

void Try(std::string_view input) {
  using namespace api;
  const NodeTokens::Time now{};
  NodeTokens tokens(NodeId("a"), [] { return std::make_shared<const ClusterKeys>(2); });
  Request request;
  request.method = "GET";
  request.target = "/";
  request.headers = {{"Authorization", "Node " + std::string(input)}};
  SF_CHECK(!tokens.Verify(request, now));
  request.headers = {{"Authorization", tokens.Sign(request, {}, NodeId("a"), now)}};
  SF_CHECK(tokens.Verify(request, now));
}

std::vector<std::string> Seeds() { return {"", ".", "e30.e30", "eyJhIjoxfQ.AAAA", "a.b.c"}; }

}  // namespace sf::fuzz
