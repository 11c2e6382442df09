// SPDX-License-Identifier: Apache-2.0
#include "node/backup_file.h"

#include <catch2/catch.hpp>
#include <memory>
#include <vector>

namespace sf {
namespace {

using Catch::Matchers::Contains;
using nlohmann::json;

struct Close {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, Close>;

const std::vector<json> kParts = {
    {{"table", "cluster"}, {"columns", {"name", "value"}}},
    {"id", "c1"},
    {"motd", nullptr},
    {{"table", "nodes"}, {"columns", {"name"}}},
    {"n\U0001F600\n\"1\"\x01"},
};

File FileOf(const std::string& text) {
  File file(std::tmpfile());
  REQUIRE(file);
  std::fwrite(text.data(), 1, text.size(), file.get());
  std::rewind(file.get());
  return file;
}

std::string Written(const std::vector<json>& parts = kParts) {
  const File file(std::tmpfile());
  BackupWriter writer(file.get());
  REQUIRE(writer.Begin({18, "c1", "0.1.0", "2026-03-01T03:12:44Z"}));
  for (const json& part : parts) REQUIRE(writer.Add(part));
  REQUIRE(writer.End());
  std::string text(static_cast<std::size_t>(std::ftell(file.get())), '\0');
  std::rewind(file.get());
  REQUIRE(std::fread(text.data(), 1, text.size(), file.get()) == text.size());
  return text;
}

std::string ErrorOf(const std::string& text) {
  const auto checked = CheckBackup(FileOf(text).get());
  if (checked) return "no error";
  CHECK(checked.error().code == Code::kCorrupt);
  return checked.error().message;
}

TEST_CASE("Backup: what was written is read back, part by part, after it was checked") {
  const File file = FileOf(Written());
  const auto checked = CheckBackup(file.get());
  REQUIRE(checked);
  CHECK(checked->schema == 18);
  CHECK(checked->cluster_id == "c1");
  CHECK(checked->release == "0.1.0");
  CHECK(checked->taken_at == "2026-03-01T03:12:44Z");

  BackupReader reader(file.get());
  REQUIRE(reader.Begin());
  for (const json& part : kParts) CHECK(reader.Next().value() == part);
  CHECK_FALSE(reader.Next().value());
}

TEST_CASE("Backup: cut off anywhere, it is broken") {
  const std::string text = Written();
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK(ErrorOf(text.substr(0, size)) != "no error");
  }
  CHECK(ErrorOf(text) == "no error");
}

TEST_CASE("Backup: with any byte changed, it is broken") {
  const std::string text = Written();
  for (std::size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] = static_cast<char>(changed[at] ^ 1);
    CAPTURE(at, changed);
    CHECK(ErrorOf(changed) != "no error");
  }
}

TEST_CASE("Backup: lines that are missing, are there twice or come after its end are noticed") {
  const std::string text = Written();
  const std::size_t second = text.find("[\"motd\"");
  const std::size_t third = text.find('\n', second) + 1;
  CHECK_THAT(ErrorOf(text.substr(0, second) + text.substr(third)), Contains("lines are missing"));
  CHECK_THAT(ErrorOf(text.substr(0, third) + text.substr(second)), Contains("lines are missing"));
  CHECK_THAT(ErrorOf(text + "\n"), Contains("goes on after its end"));
  CHECK_THAT(ErrorOf(text + text), Contains("goes on after its end"));
}

TEST_CASE("Backup: what is none, or of another format, is said to be that") {
  for (const char* text :
       {"", "\n", "[]\n", "{}\n", "-- MariaDB dump 10.19\n", "{\"format\": 1}\n"}) {
    CHECK(ErrorOf(text) == "this is no backup of Shaken Fist");
  }
  CHECK(ErrorOf("{\"format\":\"shakenfist backup\",\"version\":2}\n") ==
        "the backup's format has version 2, and this sf-node knows 1");
}

// What is right by its sum may still be made by somebody: names go into SQL as they are.
TEST_CASE("Backup: parts that are no tables and rows are refused") {
  const json table = {{"table", "t"}, {"columns", {"a", "b"}}};
  const std::vector<std::vector<json>> wrong = {
      {{"a", "b"}},
      {table, {"a"}},
      {table, {"a", 1}},
      {table, {"a", "b", "c"}},
      {table, "a"},
      {{{"table", "t`; DROP TABLE nodes"}, {"columns", {"a"}}}},
      {{{"table", "t"}, {"columns", {"a) VALUES (1"}}}},
      {{{"table", "t"}, {"columns", json::array()}}},
      {{{"table", "t"}}},
      {json::object()},
  };
  for (const auto& parts : wrong) {
    CAPTURE(json(parts).dump());
    CHECK_THAT(ErrorOf(Written(parts)), Contains("this is no"));
  }
}

}  // namespace
}  // namespace sf
