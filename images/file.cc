// SPDX-License-Identifier: Apache-2.0
#include "images/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace sf::images {

Result<File> File::Create(const std::filesystem::path& path) {
  const int descriptor =
      ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
  if (descriptor < 0) return FailErrno("create", path);
  File file(descriptor, path);
  if (::fchmod(descriptor, 0644) != 0) return FailErrno("set the mode of", path);
  return file;
}

Result<File> File::OpenForReading(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (descriptor < 0) return FailErrno("open", path);
  return File(descriptor, path);
}

Result<File> File::OpenForWriting(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (descriptor < 0) return FailErrno("open", path);
  return File(descriptor, path);
}

File::File(int descriptor, std::filesystem::path path)
    : descriptor_(descriptor), path_(std::move(path)) {}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), path_(std::move(other.path_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(path_, other.path_);
  return *this;
}

File::~File() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<std::uint64_t> File::Size() const {
  struct stat status = {};
  if (::fstat(descriptor_, &status) != 0) return FailErrno("look at", path_);
  return static_cast<std::uint64_t>(status.st_size);
}

Result<std::string> File::ReadAt(std::uint64_t offset, std::size_t count) const {
  std::string bytes(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    const ssize_t got =
        ::pread(descriptor_, bytes.data() + done, count - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return FailErrno("read", path_);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  bytes.resize(done);
  return bytes;
}

Result<void> File::WriteAt(std::uint64_t offset, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put =
        ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return FailErrno("write", path_);
    bytes.remove_prefix(static_cast<std::size_t>(put));
    offset += static_cast<std::uint64_t>(put);
  }
  return {};
}

Result<void> File::Resize(std::uint64_t size) {
  if (::ftruncate(descriptor_, static_cast<off_t>(size)) != 0) return FailErrno("resize", path_);
  return {};
}

Result<void> File::Sync() {
  if (::fsync(descriptor_) != 0) return FailErrno("write", path_);
  return {};
}

tl::unexpected<Error> FailErrno(std::string_view verb, const std::filesystem::path& path) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  const Code code = full ? Code::kNoCapacity : error == ENOENT ? Code::kNotFound : Code::kInternal;
  return Fail(code, "cannot {} {}: {}", verb, path.string(),
              std::generic_category().message(error));
}

Result<void> Replace(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return FailErrno("rename a file to", to);
  return {};
}

Result<void> SyncDirectory(const std::filesystem::path& directory) {
  File opened = TRY(File::OpenForReading(directory));
  return opened.Sync();
}

Result<void> Publish(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::chmod(from.c_str(), 0644) != 0) return FailErrno("set the mode of", from);
  File file = TRY(File::OpenForReading(from));
  TRY(file.Sync());
  TRY(Replace(from, to));
  return SyncDirectory(to.parent_path());
}

Result<void> WriteWhole(const std::filesystem::path& path,
                        const std::function<Result<void>(File&)>& fill, Durability durability) {
  std::filesystem::path partial = path;
  partial += ".partial";
  const auto write = [&]() -> Result<void> {
    File file = TRY(File::Create(partial));
    TRY(fill(file));
    if (durability == Durability::kLasting) TRY(file.Sync());
    return Replace(partial, path);
  };
  Result<void> written = write();
  if (!written) {
    ::unlink(partial.c_str());
    return written;
  }
  return durability == Durability::kLasting ? SyncDirectory(path.parent_path()) : Result<void>{};
}

Result<void> WriteWhole(const std::filesystem::path& path, std::string_view bytes,
                        Durability durability) {
  return WriteWhole(
      path, [&](File& file) { return file.WriteAt(0, bytes); }, durability);
}

Result<std::string> ReadWhole(const std::filesystem::path& path, std::size_t limit) {
  const File file = TRY(File::OpenForReading(path));
  std::string bytes = TRY(file.ReadAt(0, limit + 1));
  if (bytes.size() > limit) {
    return Fail(Code::kTooLarge, "{} has more than {} bytes", path.string(), limit);
  }
  return bytes;
}

}  // namespace sf::images
