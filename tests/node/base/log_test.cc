// SPDX-License-Identifier: Apache-2.0
#include "node/base/log.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "node/base/request_scope.h"

namespace sf {

TEST_CASE("log: no text of a stranger forges a line, as text or as JSON") {
  const std::string evil = "image refused name=\"a\"\n\x1b[31m\x7f \xff ü";
  CHECK(log::ToLine(evil, log::Format::kText) ==
        "image refused name=\"a\"\\x0a\\x1b[31m\\x7f \xff ü");
  const std::string line = log::ToLine(evil, log::Format::kJson);
  CHECK(line.find('\n') == std::string::npos);
  const auto fields = nlohmann::json::parse("{" + line);
  CHECK(fields["message"] == "image refused name=\"a\"\n\x1b[31m\x7f \uFFFD ü");
  CHECK_FALSE(fields.contains("request"));
}

TEST_CASE("log: a line says for which request it was written, and no longer than it lasts") {
  CHECK(RequestScope::Id().empty());
  {
    const RequestScope outer("r1");
    CHECK(log::ToLine("done a=1", log::Format::kText) == "done a=1 request=r1");
    {
      const RequestScope inner("r2");
      CHECK(nlohmann::json::parse("{" + log::ToLine("done", log::Format::kJson))["request"] ==
            "r2");
    }
    CHECK(RequestScope::Id() == "r1");
  }
  CHECK(log::ToLine("done", log::Format::kText) == "done");
}

}  // namespace sf
