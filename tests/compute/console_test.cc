// SPDX-License-Identifier: Apache-2.0
#include "compute/console.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

namespace {

namespace fs = std::filesystem;
using namespace sf::compute;

/// A console's log with two backups, as virtlogd leaves them: the higher the number, the older.
class RotatedLog {
 public:
  RotatedLog() {
    REQUIRE(mkdtemp(folder_.data()) != nullptr);
    Write("", "new");
    Write(".0", "older");
    Write(".1", "oldest");
  }
  ~RotatedLog() { fs::remove_all(folder_); }
  RotatedLog(const RotatedLog&) = delete;
  RotatedLog& operator=(const RotatedLog&) = delete;

  fs::path path() const { return fs::path(folder_) / "console.log"; }
  void Write(const std::string& suffix, const std::string& text) const {
    std::ofstream(path().string() + suffix) << text;
  }

 private:
  std::string folder_ = (fs::temp_directory_path() / "sf-console-XXXXXX").string();
};

}  // namespace

TEST_CASE("Console: the tail reaches back through rotated files") {
  const RotatedLog log;
  CHECK(ReadConsole(log.path(), 0).value().empty());
  CHECK(ReadConsole(log.path(), 2).value() == "ew");
  CHECK(ReadConsole(log.path(), 3).value() == "new");
  CHECK(ReadConsole(log.path(), 5).value() == "ernew");
  CHECK(ReadConsole(log.path(), 10).value() == "stoldernew");
  CHECK(ReadConsole(log.path(), 10240).value() == "oldestoldernew");
  CHECK(ReadConsole(log.path(), -1).value() == "oldestoldernew");
}

TEST_CASE("Console: everything is at most what one read may take") {
  const RotatedLog log;
  log.Write("", std::string(kMaxConsoleRead + 5, 'x'));
  CHECK(ReadConsole(log.path(), -1)->size() == kMaxConsoleRead);
  CHECK(ReadConsole(log.path(), kMaxConsoleRead + 1)->size() == kMaxConsoleRead);
}

TEST_CASE("Console: a guest that has not started has written nothing") {
  CHECK(ReadConsole("/nonexistent/console.log", -1).value().empty());
  CHECK(TruncateConsole("/nonexistent/console.log"));
}

TEST_CASE("Console: truncating forgets the backups too, and a log that is open goes on") {
  const RotatedLog log;
  std::ofstream writer(log.path(), std::ios::app);
  CHECK(TruncateConsole(log.path()));
  CHECK(ReadConsole(log.path(), -1).value().empty());
  writer << "after" << std::flush;
  CHECK(ReadConsole(log.path(), -1).value() == "after");
}
