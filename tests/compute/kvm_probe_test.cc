// SPDX-License-Identifier: Apache-2.0
#include "compute/kvm_probe.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;

/// A program that stands in for sf-node, as a shell script.
class Program {
 public:
  explicit Program(const std::string& script) {
    REQUIRE(mkdtemp(folder_.data()) != nullptr);
    std::ofstream(path()) << "#!/bin/sh\n" << script << "\n";
    fs::permissions(path(), fs::perms::owner_all);
  }
  ~Program() { fs::remove_all(folder_); }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  fs::path path() const { return fs::path(folder_) / "sf-node"; }

 private:
  std::string folder_ = (fs::temp_directory_path() / "sf-probe-XXXXXX").string();
};

}  // namespace

TEST_CASE("KvmUsable: a probe that succeeds is proof") {
  CHECK(sf::compute::KvmUsable(Program("test $1 = probe-kvm").path(), 10s));
}

TEST_CASE("KvmUsable: the reason of a probe that fails is passed on") {
  const auto usable = sf::compute::KvmUsable(Program("echo no such device; exit 1").path(), 10s);
  REQUIRE_FALSE(usable);
  CHECK_THAT(usable.error().message, Contains("KVM cannot run a guest: no such device"));
}

TEST_CASE("KvmUsable: a probe that is killed, or cannot be started, is a failure") {
  CHECK_FALSE(sf::compute::KvmUsable(Program("kill -9 $$").path(), 10s));
  CHECK_FALSE(sf::compute::KvmUsable("/nonexistent", 10s));
}

TEST_CASE("KvmUsable: a probe that hangs is ended at its deadline") {
  const auto usable = sf::compute::KvmUsable(Program("exec sleep 1000").path(), 50ms);
  REQUIRE_FALSE(usable);
  CHECK(usable.error().code == sf::Code::kTimeout);
}
