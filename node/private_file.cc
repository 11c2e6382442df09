// SPDX-License-Identifier: Apache-2.0
#include "node/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "node/fresh_private_file.h"

namespace sf {
namespace {

tl::unexpected<Error> Failed(const char* verb, const std::filesystem::path& path) {
  return Fail(errno == ENOENT ? Code::kNotFound : Code::kInternal, "cannot {} {}: {}", verb,
              path.string(), std::strerror(errno));
}

bool WriteAll(int file, std::string_view text) {
  while (!text.empty()) {
    const ssize_t done = ::write(file, text.data(), text.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(done));
  }
  return true;
}

}  // namespace

Result<FreshPrivateFile> FreshPrivateFile::Begin(const std::filesystem::path& path) {
  FreshPrivateFile fresh(path);
  fresh.file_ = FileDescriptor(::open(fresh.beside_.c_str(),
                                      O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
                                      S_IRUSR | S_IWUSR));
  if (fresh.fd() < 0 || ::fchmod(fresh.fd(), S_IRUSR | S_IWUSR) != 0) {
    return Failed("write", fresh.beside_);
  }
  return fresh;
}

FreshPrivateFile::~FreshPrivateFile() {
  if (file_.get() >= 0) ::unlink(beside_.c_str());
}

Result<void> FreshPrivateFile::Replace() {
  if (::fsync(fd()) != 0) return Failed("write", beside_);
  if (::rename(beside_.c_str(), path_.c_str()) != 0) return Failed("replace", path_);
  file_ = FileDescriptor();
  const auto parent = path_.has_parent_path() ? path_.parent_path() : ".";
  const FileDescriptor folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.get() < 0 || ::fsync(folder.get()) != 0) return Failed("write", path_);
  return {};
}

Result<void> WritePrivateFile(const std::filesystem::path& path, std::string_view text) {
  FreshPrivateFile fresh = TRY(FreshPrivateFile::Begin(path));
  if (!WriteAll(fresh.fd(), text)) return Failed("write", path);
  return fresh.Replace();
}

Result<std::string> ReadPrivateFile(const std::filesystem::path& path, std::size_t limit) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) return Failed("read", path);
  std::string text(limit + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Failed("read", path);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > limit) {
    return Fail(Code::kInternal, "{} is longer than {} bytes", path.string(), limit);
  }
  text.resize(size);
  return text;
}

Result<std::string> ReadSecretFile(const std::filesystem::path& path, std::size_t limit) {
  const auto text = ReadPrivateFile(path, limit);
  if (!text) return Fail(Code::kInvalid, "{}", text.error().message);
  struct stat status = {};
  if (::stat(path.c_str(), &status) != 0) {
    return Fail(Code::kInvalid, "cannot read {}: {}", path.string(), std::strerror(errno));
  }
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return Fail(Code::kInvalid, "{} may be read by others than its owner: chmod 600 it",
                path.string());
  }
  return *text;
}

}  // namespace sf
