// SPDX-License-Identifier: Apache-2.0
#include "net/shared_objects.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "net/tar.h"

namespace {

using namespace sf::net;

std::string Own() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("Shared objects: a program's are told by name, with its loader") {
  const auto needs = ReadElfNeeds(Own()).value();
  CHECK(std::ranges::count(needs.libraries, "libc.so.6") == 1);
  CHECK(std::filesystem::exists(needs.interpreter));
  const auto files = WithSharedObjects({"/proc/self/exe"}).value();
  CHECK(files.size() > needs.libraries.size() + 1);  // Those have needs of their own.
  CHECK(files.contains(needs.interpreter));
}

TEST_CASE("Shared objects: a file that is cut off or no program is an error") {
  const std::string whole = Own();
  for (std::size_t size = 0; size < 4096; size += 61) {
    CHECK_FALSE(ReadElfNeeds(whole.substr(0, size)));
  }
  CHECK(ReadElfNeeds("#!/bin/sh\n" + std::string(100, ' ')).error().code == sf::Code::kCorrupt);
  CHECK(WithSharedObjects({"/nowhere"}).error().code == sf::Code::kNotFound);
}

TEST_CASE("Tar: the same files are the same bytes, in whole blocks, behind their folders") {
  const std::map<std::string, std::string> files = {{"/a/b", "text"},
                                                    {"/a/c", std::string(512, 'x')}};
  const std::string tar = Tar(files, {"/run"}).value();
  CHECK(tar == Tar(files, {"/run"}).value());
  // a/, run/, a/b and its block, a/c and its block, and two of zeros at the end.
  REQUIRE(tar.size() == 8 * 512);
  CHECK(std::string(tar.c_str()) == "a/");
  CHECK(std::string(tar.c_str() + 2 * 512) == "a/b");
  CHECK(tar.substr(2 * 512 + 124, 11) == "00000000004");
  CHECK(tar.substr(2 * 512 + 257, 5) == "ustar");
  CHECK(tar.substr(3 * 512, 4) == "text");
  CHECK(Tar({{"/" + std::string(101, 'n'), ""}}, {}).error().code == sf::Code::kInvalid);
}
