// SPDX-License-Identifier: Apache-2.0
#include "node/cli/viewer.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <sstream>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX has us declare it.

namespace sf::cli {
namespace {

constexpr char kViewer[] = "remote-viewer";

/// A file that only we can read, which is gone when this is; the viewer may have removed it before.
class SecretFile {
 public:
  static Result<std::unique_ptr<SecretFile>> Write(const std::string& text) {
    constexpr char kEnding[] = ".vv";
    std::error_code error;
    const auto folder = std::filesystem::temp_directory_path(error);
    std::string path = (error ? "/tmp" : folder.string()) + "/sf-XXXXXX" + kEnding;
    const int file = ::mkstemps(path.data(), sizeof(kEnding) - 1);
    if (file < 0) return Fail(Code::kInternal, "cannot write {}: {}", path, std::strerror(errno));
    const auto written = ::write(file, text.data(), text.size());
    ::close(file);
    auto secret = std::unique_ptr<SecretFile>(new SecretFile(path));
    if (written == static_cast<ssize_t>(text.size())) return secret;
    return Fail(Code::kInternal, "cannot write all of {}", path);
  }
  ~SecretFile() { ::unlink(path.c_str()); }
  SecretFile(const SecretFile&) = delete;
  SecretFile& operator=(const SecretFile&) = delete;

  const std::string path;

 private:
  explicit SecretFile(std::string name) : path(std::move(name)) {}
};

}  // namespace

Result<void> FindViewer(ApiClient& /*client*/, const Arguments& given, nlohmann::json& /*body*/) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    if (::access((folder + "/" + kViewer).c_str(), X_OK) == 0) return {};
  }
  return Fail(Code::kInternal,
              "{} is not installed (Debian has it in virt-viewer); `sf instance vdiconsolefile {}`"
              " writes the file for one elsewhere",
              kViewer, Text(given, "instance"));
}

Result<void> OpenViewer(ApiClient& /*client*/, const Arguments& /*given*/,
                        const std::string& answer) {
  const auto file = TRY(SecretFile::Write(answer));
  std::string path = file->path;
  std::string name = kViewer;
  char* const words[] = {name.data(), path.data(), nullptr};
  // We ignore SIGPIPE, and it would, too.
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGPIPE);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigdefault(&attributes, &signals);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
  pid_t process = 0;
  const int error = ::posix_spawnp(&process, kViewer, nullptr, &attributes, words, environ);
  ::posix_spawnattr_destroy(&attributes);
  if (error != 0) {
    return Fail(Code::kInternal, "cannot start {}: {}", kViewer, std::strerror(error));
  }
  int status = 0;
  while (::waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  return Fail(Code::kInternal, "{} ended badly", kViewer);
}

}  // namespace sf::cli
