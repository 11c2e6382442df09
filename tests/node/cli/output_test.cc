// SPDX-License-Identifier: Apache-2.0
#include "node/cli/output.h"

#include <catch2/catch.hpp>

#include "node/cli/progress.h"

namespace sf::cli {
namespace {

using nlohmann::json;

const View kTable = Table({{"NAME", "/name"},
                           {"CPUS", "/cpus"},
                           {"SEEN", "/seen", Format::kTime},
                           {"ADDRESSES", "/interfaces", Format::kAddresses}});
const json kObjects = {
    {{"name", "web1"},
     {"cpus", 2},
     {"seen", 1700000000.5},
     {"interfaces", {{{"ipv4", "10.0.0.2"}, {"floating", "192.0.2.3"}}, {{"ipv4", nullptr}}}}},
    {{"name", "größer, \"so\""}, {"interfaces", json::array()}}};

TEST_CASE("Output: a table is aligned by characters, never wrapped, without trailing blanks") {
  CHECK(Render(kTable, Style::kPretty, kObjects.dump()) ==
        "NAME          CPUS  SEEN                 ADDRESSES\n"
        "web1          2     2023-11-14 22:13:20  10.0.0.2 (192.0.2.3), -\n"
        "größer, \"so\"  -     -                    -\n");
  CHECK(Render(kTable, Style::kPretty, "[]") == "NAME  CPUS  SEEN  ADDRESSES\n");
}

TEST_CASE("Output: for scripts, columns have the API's names, and commas are quoted") {
  CHECK(Render(kTable, Style::kSimple, kObjects.dump()) ==
        "name,cpus,seen,interfaces\n"
        "web1,2,2023-11-14 22:13:20,\"10.0.0.2 (192.0.2.3), -\"\n"
        "\"größer, \"\"so\"\"\",-,-,-\n");
}

TEST_CASE("Output: an object is shown by lines, its lists below it") {
  const View view = Record({{"Name", "/name"}, {"Video", "/video/model"}, {"Keys", "/keys"}},
                           {{"Disks", "/disks", {{"SIZE", "/size"}, {"BASE", "/base"}}}});
  const std::string answer = R"({"name": "web1", "video": {"model": "qxl"}, "keys": ["a", "b"],
                                 "disks": [{"size": 8, "base": null}]})";
  CHECK(Render(view, Style::kPretty, answer) ==
        "Name:   web1\n"
        "Video:  qxl\n"
        "Keys:   a,b\n"
        "\n"
        "Disks\n"
        "SIZE  BASE\n"
        "8     -\n");
  CHECK(Render(view, Style::kSimple, answer) ==
        "name:web1\nvideo/model:qxl\nkeys:a,b\n\nsize,base\n8,-\n");
}

TEST_CASE("Output: --json is what the server said, to the letter") {
  CHECK(Render(kTable, Style::kJson, R"({"b":1,  "a":2})") == "{\"b\":1,  \"a\":2}\n");
  CHECK(Render(Nothing(), Style::kJson, "null\n") == "null\n");
}

TEST_CASE("Output: a stranger's text moves no cursor") {
  const json name = {{{"name", "\x1b[2Jgone\n"}}};
  CHECK(Render(Table({{"NAME", "/name"}}), Style::kPretty, name.dump()) == "NAME\n [2Jgone \n");
}

TEST_CASE("Output: a console is no JSON, a ping is its lines") {
  CHECK(Render(RawText(), Style::kPretty, "42") == "42");
  CHECK(Render(Lines(), Style::kPretty, R"({"stdout": ["a", "b"], "stderr": [""]})") == "a\nb\n");
  CHECK(Render(Lines(), Style::kPretty, R"(["u1"])") == "u1\n");
  CHECK(Render(Lines(), Style::kPretty, R"("192.0.2.7")") == "192.0.2.7\n");
  CHECK(Render(Nothing(), Style::kPretty, "null").empty());
}

TEST_CASE("Output: what no server of ours would say is shown as nothing") {
  for (const char* const answer : {"", "null", "7", "<html>", "{}", "[7]"}) {
    CHECK_NOTHROW(Render(kTable, Style::kPretty, answer));
    CHECK_NOTHROW(Render(Record({{"Name", "/name"}}), Style::kPretty, answer));
  }
}

TEST_CASE("Progress: tells the bytes of the images that are waited for") {
  const json instance = {{"disk_spec", {{{"base", "http://h/a"}}, {{"base", nullptr}}}}};
  const auto artifact = [](const char* url, const char* state, int mib, int of) {
    return json{{"source_url", url},
                {"state", state},
                {"progress", {{"bytes", mib << 20}, {"total_bytes", of << 20}}}};
  };
  CHECK(DescribeImages(instance, {artifact("http://h/a", "initial", 12, 30),
                                  artifact("http://h/b", "initial", 1, 2)}) ==
        "  image 12 of 30 MiB");
  CHECK(DescribeImages(instance, json::array({artifact("http://h/a", "initial", 12, 0)})) ==
        "  image 12 MiB");
  CHECK(DescribeImages(instance, json::array({artifact("http://h/a", "created", 30, 30)})).empty());
}

}  // namespace
}  // namespace sf::cli
