// SPDX-License-Identifier: Apache-2.0
#include "node/api/body.h"

#include <catch2/catch.hpp>
#include <string>

namespace sf::api {

using nlohmann::json;

TEST_CASE("ParseBody: nothing at all is an empty object") {
  CHECK(ParseBody("").value() == json::object());
  CHECK(ParseBody(" \r\n").value() == json::object());
  CHECK(ParseBody("null").value() == json::object());
}

TEST_CASE("ParseBody: what is not a JSON object in UTF-8 is refused") {
  for (const char* text : {"{", "[]", "1", "\"x\"", "{\"a\":1} x", "{\"a\":\"\xff\"}"}) {
    CAPTURE(text);
    CHECK(ParseBody(text).error().code == Code::kInvalid);
  }
}

// Printing JSON recurses: a megabyte of brackets once ended the process.
TEST_CASE("ParseBody: nesting without end is refused, and brackets in strings do not nest") {
  const std::string deep(1'000'000, '[');
  CHECK(ParseBody("{\"a\":" + deep + "}").error().code == Code::kInvalid);
  CHECK(ParseBody("{\"a\":\"" + deep + "\\\"[\"}"));
}

TEST_CASE("Fields: wrong types name the field") {
  const json body = {
      {"name", 1}, {"cpus", "many"}, {"flag", "perhaps"}, {"big", 18446744073709551615U}};
  const Fields fields(body, "disk[0].");
  CHECK(fields.Text("name").error().message == "disk[0].name is not a string");
  CHECK(fields.Integer("cpus", 1, 9).error().message == "disk[0].cpus is not a whole number");
  CHECK(fields.Integer("big", 1, 9).error().message == "disk[0].big is not a whole number");
  CHECK(fields.Flag("flag", false).error().message == "disk[0].flag is neither true nor false");
  CHECK(fields.Required("absent").error().message == "disk[0].absent is missing");
}

TEST_CASE("Fields: numbers and flags may come as text, as some clients send them") {
  const json body = {{"limit", "5"}, {"yes", "true"}, {"no", ""}, {"high", 10}};
  const Fields fields(body);
  CHECK(fields.Integer("limit", 1, 9).value() == 5);
  CHECK(fields.Flag("yes", false).value());
  CHECK_FALSE(fields.Flag("no", true).value());
  CHECK(fields.Integer("high", 1, 9).error().message == "high is 10, and must be from 1 to 9");
  CHECK_FALSE(fields.Integer("absent", 1, 9).value());
}

TEST_CASE("WithQuery: fields of the query count where the body has none, and are UTF-8") {
  const std::map<std::string, std::string> query{{"limit", "3"}, {"all", "true"}, {"odd", "a\xff"}};
  const json body = WithQuery(query, {{"limit", 5}});
  const Fields fields(body);
  CHECK(fields.Integer("limit", 1, 9).value() == 5);
  CHECK(fields.Flag("all", false).value());
  CHECK(fields.Text("odd").value() == "a\uFFFD");
  CHECK(WithQuery({}, {{"a", 1}}) == json({{"a", 1}}));
}

TEST_CASE("IsName: what may stand in a path as a name") {
  CHECK(IsName("a"));
  CHECK(IsName("team-1.prod_x"));
  for (const std::string& text :
       {std::string(), std::string("-a"), std::string("a/b"), std::string("a b"),
        std::string("a\0b", 3), std::string(64, 'a')}) {
    CAPTURE(text);
    CHECK_FALSE(IsName(text));
  }
}

}  // namespace sf::api
