// SPDX-License-Identifier: Apache-2.0
#include "node/api/router.h"

#include <catch2/catch.hpp>

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

}  // namespace sf::api
