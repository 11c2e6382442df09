// SPDX-License-Identifier: Apache-2.0
#include "node/private_file.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "node/fresh_private_file.h"

namespace sf {
namespace {

TEST_CASE("PrivateFile: what was written is read back, whole, and is nobody else's to read") {
  std::string folder = "/tmp/sf-private.XXXXXX";
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  const std::filesystem::path path = std::filesystem::path(folder) / "secret";

  CHECK(ReadPrivateFile(path).error().code == Code::kNotFound);
  for (const std::string& text : {std::string("first"), std::string(), std::string(100'000, 'x')}) {
    REQUIRE(WritePrivateFile(path, text));
    CHECK(ReadPrivateFile(path).value() == text);
  }
  struct stat status = {};
  ::stat(path.c_str(), &status);
  CHECK((status.st_mode & 0777) == 0600);
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);

  CHECK(ReadPrivateFile(path, 10).error().code == Code::kInternal);
  CHECK_FALSE(WritePrivateFile(std::filesystem::path(folder) / "missing" / "file", "text"));
  {
    const auto given_up = FreshPrivateFile::Begin(path);
    REQUIRE(given_up);
    CHECK(::write(given_up->fd(), "half", 4) == 4);
  }
  CHECK(ReadPrivateFile(path)->size() == 100'000);
  CHECK(std::distance(std::filesystem::directory_iterator(folder), {}) == 1);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace sf
