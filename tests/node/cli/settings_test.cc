// SPDX-License-Identifier: Apache-2.0
#include "node/cli/settings.h"

#include <catch2/catch.hpp>
#include <fstream>

#include "tests/images/test_directory.h"

namespace sf::cli {
namespace {

using Catch::Matchers::Contains;
using namespace std::chrono_literals;

const Environment kEnvironment = {{"SHAKENFIST_API_URL", "http://env"},
                                  {"SHAKENFIST_NAMESPACE", "env-space"},
                                  {"SHAKENFIST_KEY", "env-key"}};

/// Two files, as ~/.shakenfist and /etc/sf/shakenfist.json; an empty text: no file.
class Files {
 public:
  Files(const std::string& home, const std::string& etc) {
    Write("home", home);
    Write("etc", etc);
  }
  Result<Settings> Read(const Flags& flags = {}, const Environment& environment = {}) const {
    return ReadSettings(flags, environment, paths_);
  }

 private:
  void Write(const char* name, const std::string& text) {
    paths_.push_back(directory_ / name);
    if (!text.empty()) std::ofstream(paths_.back()) << text;
  }
  const test::TestDirectory directory_;
  std::vector<std::filesystem::path> paths_;
};

constexpr const char* kHome = R"({"apiurl": "http://home/", "namespace": "h", "key": "home-key"})";
constexpr const char* kEtc = R"({"apiurl": "http://etc", "namespace": "e", "key": "etc-key"})";

TEST_CASE("Settings: flags come before the environment, and that before files") {
  const Files files(kHome, kEtc);
  const auto flags =
      files.Read({.url = "http://flag", .name_space = "f", .key = "k"}, kEnvironment);
  REQUIRE(flags);
  CHECK(flags->url == "http://flag");
  CHECK(flags->name_space == "f");
  CHECK(flags->key == "k");

  const auto environment = files.Read({}, kEnvironment);
  REQUIRE(environment);
  CHECK(environment->url == "http://env");
  CHECK(environment->key == "env-key");

  const auto home = files.Read();
  REQUIRE(home);
  CHECK(home->url == "http://home");  // Without its slash: paths begin with one.
  CHECK(home->key == "home-key");

  CHECK(Files("", kEtc).Read()->key == "etc-key");
}

TEST_CASE("Settings: a URL from elsewhere does not keep a file from being read") {
  // The existing client then sends a namespace and a key of null.
  const auto settings = Files(kHome, "").Read({}, {{"SHAKENFIST_API_URL", "http://home"}});
  REQUIRE(settings);
  CHECK(settings->name_space == "h");
  CHECK(settings->key == "home-key");
}

TEST_CASE("Settings: a key in a file goes to no other server and no other namespace") {
  const auto url = Files(kHome, "").Read({.url = "http://stranger"});
  REQUIRE(!url);
  CHECK_THAT(url.error().message, Contains("no namespace: give --namespace"));

  const auto name_space = Files(kHome, "").Read({.name_space = "other"});
  REQUIRE(!name_space);
  CHECK_THAT(name_space.error().message, Contains("no API URL"));

  // The file that fits is found behind the one that does not.
  CHECK(Files(kHome, kEtc).Read({.url = "http://etc/"})->key == "etc-key");
}

TEST_CASE("Settings: what is missing or broken is named, with what to do") {
  CHECK_THAT(Files("", "").Read().error().message,
             Contains("no API URL: give --apiurl, or set SHAKENFIST_API_URL"));
  CHECK_THAT(Files("{", "").Read().error().message, Contains("home: not a JSON object"));
  CHECK_THAT(Files(R"({"key": 7})", "").Read().error().message, Contains("key is no text"));
  CHECK(Files("{", "").Read().error().code == Code::kInvalid);
  // Nobody is stopped by a file that is not needed.
  CHECK(Files("{", "").Read({}, kEnvironment));
}

TEST_CASE("Settings: whom to believe is in a file that a flag or the environment names") {
  const test::TestDirectory directory;
  test::WriteFile(directory / "a", "PEM a");
  test::WriteFile(directory / "b", "PEM b");
  const Files files(kHome, "");
  const Environment environment = {{"SHAKENFIST_CACERT", directory / "a"}};
  CHECK(files.Read()->authorities.empty());
  CHECK(files.Read({}, environment)->authorities == "PEM a");
  CHECK(files.Read({.cacert = directory / "b"}, environment)->authorities == "PEM b");
  CHECK_THAT(files.Read({.cacert = directory / "none"}).error().message, Contains("--cacert"));
}

TEST_CASE("Settings: how long to wait") {
  const Files files(kHome, "");
  CHECK(files.Read()->patience == 60s);
  CHECK(files.Read({}, {{"SHAKENFIST_ASYNC", "block"}})->patience == 3600s);
  CHECK(files.Read({.async = "continue"}, {{"SHAKENFIST_ASYNC", "block"}})->patience == 0s);
  CHECK_THAT(files.Read({.async = "never"}).error().message, Contains("never"));
}

}  // namespace
}  // namespace sf::cli
