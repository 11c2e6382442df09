// SPDX-License-Identifier: Apache-2.0
#include "node/api/router.h"

#include <catch2/catch.hpp>

#include "node/store/store.h"

namespace sf::api {

using Segments = std::vector<std::string>;

TEST_CASE("SplitPath: segments are decoded after the split, so an escaped slash is no separator") {
  CHECK(SplitPath("/").value() == Segments{});
  CHECK(SplitPath("//instances").value() == Segments{"instances"});
  CHECK(SplitPath("/artifacts/http%3A%2F%2Fimages%2Fx").value() ==
        Segments{"artifacts", "http://images/x"});
  CHECK(SplitPath("/a/../b").value() == Segments{"a", "..", "b"});
}

TEST_CASE("SplitPath: broken escapes and control characters are refused") {
  for (const char* path : {"/%", "/%4", "/%zz", "/a%00b", "/a%0ab", "/a%7f"}) {
    CAPTURE(path);
    CHECK(SplitPath(path).error().code == Code::kInvalid);
  }
}

TEST_CASE("calls are counted by what the table says, whatever strangers send") {
  store::Store store({}, NodeId("n1"), {});
  store::CurrentPicture rows(store, {});
  Auth auth(rows, store.namespaces, "secret", "", "", 1);
  NodeTokens tokens(NodeId("n1"), {});
  Metrics metrics;
  Router router(auth, tokens, rows, metrics);
  const auto fine = [](const Call&) -> Result<Response> { return Json({}); };
  router.Add("GET", "/things/{name}", Access::kPublic, fine);
  router.Add("POST", "/things/{name}", Access::kUser, fine);
  const auto ask = [&](const std::string& method, const std::string& path) {
    Request request;
    request.method = method;
    request.path = path;
    return router.Handle(request).status;
  };
  const std::size_t before = metrics.Text().size();
  for (int i = 0; i < 100; ++i) {
    const std::string name = std::to_string(i);
    CHECK(ask("GET", "/things/" + name) == 200);
    CHECK(ask("POST", "/things/" + name) == 401);
    CHECK(ask("METHOD" + name, "/things/" + name) == 405);
    CHECK(ask("GET", "/" + name) == 404);
    CHECK(ask("GET", "/%" + name) != 200);
  }
  const std::string text = metrics.Text();
  const auto has = [&](const std::string& labels, int count) {
    const std::string line = "shakenfist_api_requests_total{" + labels + "} ";
    return text.find(line + std::to_string(count) + "\n") != std::string::npos;
  };
  CHECK(has(R"(method="GET",route="/things/{name}",status="200")", 100));
  CHECK(has(R"(method="POST",route="/things/{name}",status="401")", 100));
  CHECK(has(R"(method="other",route="/things/{name}",status="405")", 100));
  CHECK(text.find("METHOD") == std::string::npos);
  CHECK(text.find("/99") == std::string::npos);
  CHECK(text.size() < before + 20'000);
}

}  // namespace sf::api
