// SPDX-License-Identifier: Apache-2.0
#include "node/cli/perform.h"

#include <catch2/catch.hpp>

#include "tests/images/bad_server.h"

namespace sf::cli {
namespace {

using Catch::Matchers::Contains;
using nlohmann::json;
using namespace std::chrono_literals;

const json kToken = {{"access_token", "T"}};

/// A server whose /auth gives a token, and a client of it.
struct Session {
  test::BadServer server;

  Session() { server.Put("/auth", {.body = kToken.dump()}); }
  ApiClient Client(std::chrono::seconds patience = 0s) const {
    return ApiClient({.url = server.Url(""), .name_space = "n", .key = "k", .patience = patience});
  }
  Error Refused(const std::string& path) const {
    auto answer = Client().Call("GET", path);
    REQUIRE(!answer);
    return answer.error();
  }
};

test::Page Refusal(int status, const std::string& text) {
  return {.body = json{{"error", text}, {"status", status}}.dump(), .status = status};
}

TEST_CASE("ApiClient: every refusal has its exit code and the server's own text") {
  Session session;
  const std::pair<int, int> expected[] = {{400, 1}, {401, 4}, {403, 1}, {404, 3}, {406, 6},
                                          {409, 1}, {500, 1}, {503, 5}, {507, 1}};
  for (const auto& [status, exit_code] : expected) {
    session.server.Put("/x", Refusal(status, "the cause"));
    const Error error = session.Refused("/x");
    INFO(status);
    CHECK(ExitCodeOf(error.code) == exit_code);
    CHECK(error.message == "the cause");
  }
}

TEST_CASE("ApiClient: what is not the API is named as such") {
  Session session;
  session.server.Put("/page", {.body = "<html>", .status = 500});
  CHECK_THAT(session.Refused("/page").message, Contains("answers 500: <html>"));
  session.server.Put("/moved", {.status = 301, .headers = {{"Location", "https://there"}}});
  CHECK_THAT(session.Refused("/moved").message, Contains("see https://there"));
  session.server.Put("/auth", {.body = "hello"});
  CHECK_THAT(session.Refused("/x").message, Contains("not a Shaken Fist API"));
  session.server.Stop();
  CHECK(ExitCodeOf(session.Refused("/x").code) == 5);
}

TEST_CASE("ApiClient: a log-in that is refused is exit 4, and nothing else is asked") {
  Session session;
  session.server.Put("/auth", Refusal(404, "namespace n not found"));
  const Error error = session.Refused("/instances");
  CHECK(ExitCodeOf(error.code) == 4);
  CHECK(session.server.Requests("/instances").empty());
}

TEST_CASE("ApiClient: a token that has become old is replaced once") {
  Session session;
  session.server.Put("/old", {.body = "[]"});
  ApiClient client = session.Client();
  REQUIRE(client.Call("GET", "/old"));
  CHECK_THAT(session.server.Requests("/old").at(0), Contains("Authorization: Bearer T"));
  session.server.Put("/old", Refusal(401, "the token has expired"));
  session.server.Put("/auth", {.body = json{{"access_token", "U"}}.dump()});
  CHECK(ExitCodeOf(client.Call("GET", "/old").error().code) == 4);
  CHECK(session.server.Requests("/auth").size() == 2);
  REQUIRE(session.server.Requests("/old").size() == 3);
  CHECK_THAT(session.server.Requests("/old").at(2), Contains("Authorization: Bearer U"));
}

TEST_CASE("ApiClient: too early is asked again until patience ends") {
  Session session;
  session.server.Put("/x", Refusal(406, "not yet"));
  CHECK(ExitCodeOf(session.Client(1s).Call("POST", "/x").error().code) == 6);
  CHECK(session.server.Requests("/x").size() == 2);
}

TEST_CASE("ApiClient: bytes come piece by piece, and a refusal is none of them") {
  Session session;
  session.server.Put("/blob", {.body = std::string(100'000, 'x')});
  session.server.Put("/gone", Refusal(404, "blob not found"));
  ApiClient client = session.Client();
  std::size_t count = 0;
  const auto sink = [&](std::string_view bytes) -> Result<void> {
    count += bytes.size();
    return {};
  };
  REQUIRE(client.Fetch("/blob", sink));
  CHECK(count == 100'000);
  const auto gone = client.Fetch("/gone", sink);
  REQUIRE_FALSE(gone);
  CHECK(gone.error().message == "blob not found");
  CHECK(ExitCodeOf(gone.error().code) == 3);
  CHECK(count == 100'000);
}

TEST_CASE("Perform: what the first answer is for is done before the next call") {
  Session session;
  session.server.Put("/first", {.body = R"("done")"});
  session.server.Put("/second", {.body = R"(["shown"])"});
  Verb verb = {.name = "v",
               .calls = {{"GET", "/first"}, {"GET", "/second"}},
               .help = "",
               .example = "",
               .view = Lines()};
  verb.follow = [](ApiClient&, const Arguments&, const std::string& answer) -> Result<void> {
    return Fail(Code::kConflict, "{} is refused", answer);
  };
  ApiClient client = session.Client();
  const auto done =
      Perform(client, verb, {}, json(), Style::kPretty, [](const std::string&) { FAIL("shown"); });
  REQUIRE_FALSE(done);
  CHECK(done.error().message == R"("done" is refused)");
  CHECK(session.server.Requests("/second").empty());
}

/// Makes `instance create` against a server whose GET shows `state`, and returns what was printed.
Result<std::string> Create(Session& session, const json& shown, std::chrono::seconds patience) {
  session.server.Put("/instances", {.body = R"({"uuid":"u","name":"web1","state":"initial"})"});
  session.server.Put("/instances/u", {.body = shown.dump()});
  const Verb verb = {.name = "create",
                     .calls = {{"POST", "/instances", Until::kCreated}},
                     .help = "",
                     .example = "",
                     .view = Record({{"State", "/state"}})};
  ApiClient client = session.Client(patience);
  std::string printed;
  const auto done = Perform(client, verb, {}, json::object(), Style::kPretty,
                            [&](const std::string& text) { printed = text; });
  if (!done) {
    return Fail(done.error().code, "{}{}", printed, done.error().message);
  }
  return printed;
}

TEST_CASE("Perform: waits until it is there, and shows what has become of it") {
  Session session;
  const auto created = Create(session, {{"name", "web1"}, {"state", "created"}}, 5s);
  REQUIRE(created);
  CHECK(*created == "State:  created\n");

  const auto failed =
      Create(session, {{"name", "web1"}, {"state", "error"}, {"error_message", "no disk"}}, 5s);
  CHECK(failed.error().message == "State:  error\nweb1 is in state error: no disk");
  CHECK(ExitCodeOf(failed.error().code) == 1);

  const auto slow = Create(session, {{"name", "web1"}, {"state", "creating"}}, 1s);
  CHECK_THAT(slow.error().message, Contains("still in state creating after 1 s"));
  CHECK(ExitCodeOf(slow.error().code) == 6);

  CHECK(*Create(session, {{"state", "created"}}, 0s) == "State:  initial\n");
}

}  // namespace
}  // namespace sf::cli
