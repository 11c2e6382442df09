// SPDX-License-Identifier: Apache-2.0
#include "node/cli/completion.h"

#include <catch2/catch.hpp>

namespace sf::cli {
namespace {

using Words = std::vector<std::string>;

Words After(const Words& words) {
  return Complete(words, [](std::string_view path) -> Words {
    if (path == "/instances") return {"web2", "web1", "db1", "web$(reboot)", "we b"};
    if (path == "/networks") return {"front", "back"};
    return {};
  });
}

TEST_CASE("Completion: nouns, then verbs, then flags") {
  CHECK(After({"i"}) == Words{"instance", "interface"});
  CHECK(After({"comp"}) == Words{"completion"});
  CHECK(After({"--json", "network", "de"}) ==
        Words{"delete", "delete-all", "delete-metadata", "delete-routed"});
  CHECK(After({"instance", "list", "--a"}) ==
        Words{"--all", "--apiurl", "--async", "--async-strategy"});
  CHECK(After({"unknown", ""}).empty());
  CHECK(After({"instance", "unknown", ""}).empty());
  CHECK(After({}).empty());
}

TEST_CASE("Completion: objects where their noun is asked for") {
  CHECK(After({"instance", "show", "web"}) == Words{"web1", "web2"});
  CHECK(After({"--namespace", "team1", "instance", "delete", "d"}) == Words{"db1"});
  CHECK(After({"instance", "set-metadata", "web1", ""}).empty());
  CHECK(After({"instance", "create", "w", "1", "256", "-n", ""}) == Words{"back", "front"});
  CHECK(After({"instance", "create", "w", "1", "256", "--floated", "f"}) == Words{"front"});
  CHECK(After({"instance", "create", "w", "1", "256", "-d", ""}).empty());
  CHECK(After({"--namespace", ""}).empty());
}

TEST_CASE("Completion: a name that a shell would run is not offered") {
  CHECK(After({"instance", "show", "we"}) == Words{"web1", "web2"});
}

TEST_CASE("Completion: there is a script for bash and for zsh") {
  CHECK(CompletionScript("bash")->find("complete -o default -F _sf sf") != std::string::npos);
  CHECK(CompletionScript("zsh")->find("compdef _sf sf") != std::string::npos);
  CHECK_FALSE(CompletionScript("fish"));
}

}  // namespace
}  // namespace sf::cli
