// SPDX-License-Identifier: Apache-2.0
#include "images/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {  // glibc 2.36 forgot it.
#include <sys/pidfd.h>
}

#include <array>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <system_error>

#include "node/base/check.h"

namespace sf::images {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kStopCheck = std::chrono::milliseconds(200);
constexpr std::size_t kErrorTail = 500;

/// One end-to-end pipe; both ends are closed on exec, so that children started at the same time do
/// not hold each other's open.
struct Pipe {
  int read_end = -1;
  int write_end = -1;

  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    CloseRead();
    CloseWrite();
  }
  bool Open() {
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
    read_end = ends[0];
    write_end = ends[1];
    return true;
  }
  void CloseRead() { Close(read_end); }
  void CloseWrite() { Close(write_end); }
  static void Close(int& descriptor) {
    if (descriptor >= 0) ::close(descriptor);
    descriptor = -1;
  }
};

struct SpawnSettings {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  SpawnSettings(const Pipe& output, const Pipe& errors) {
    SF_CHECK(posix_spawn_file_actions_init(&actions) == 0);
    SF_CHECK(posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0) == 0);
    SF_CHECK(posix_spawn_file_actions_adddup2(&actions, output.write_end, 1) == 0);
    SF_CHECK(posix_spawn_file_actions_adddup2(&actions, errors.write_end, 2) == 0);
    // The daemon blocks and ignores signals as it likes; a child begins with none of that, and
    // leads a process group of its own, so that all of it can be killed.
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    SF_CHECK(posix_spawnattr_init(&attributes) == 0);
    SF_CHECK(posix_spawnattr_setsigmask(&attributes, &none) == 0);
    SF_CHECK(posix_spawnattr_setsigdefault(&attributes, &all) == 0);
    SF_CHECK(posix_spawnattr_setpgroup(&attributes, 0) == 0);
    SF_CHECK(posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                                                       POSIX_SPAWN_SETPGROUP) == 0);
  }
  SpawnSettings(const SpawnSettings&) = delete;
  SpawnSettings& operator=(const SpawnSettings&) = delete;
  ~SpawnSettings() {
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
  }
};

/// Reads what is there now. False at the end of the stream.
bool Drain(int descriptor, std::string& text) {
  std::array<char, 16 << 10> bytes;
  const ssize_t got = ::read(descriptor, bytes.data(), bytes.size());
  if (got > 0) text.append(bytes.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && (errno == EINTR || errno == EAGAIN));
}

/// Collects the child's output until it has closed both streams, or until one of the limits is
/// passed, which is the error.
Result<void> Collect(Pipe& output, Pipe& errors, const ChildLimits& limits,
                     const std::stop_token& stop, std::string& out, std::string& err) {
  const auto deadline = Clock::now() + limits.deadline;
  while (output.read_end >= 0 || errors.read_end >= 0) {
    if (stop.stop_requested()) return Fail(Code::kUnavailable, "it was cancelled");
    if (Clock::now() >= deadline) {
      return Fail(Code::kTimeout, "it took longer than {} s", limits.deadline.count());
    }
    if (out.size() > limits.output) {
      return Fail(Code::kTooLarge, "it wrote more than {} bytes", limits.output);
    }
    // A negative descriptor, of a stream that has ended, is skipped by poll.
    std::array<pollfd, 2> streams = {pollfd{output.read_end, POLLIN, 0},
                                     pollfd{errors.read_end, POLLIN, 0}};
    ::poll(streams.data(), streams.size(), static_cast<int>(kStopCheck.count()));
    if (streams[0].revents != 0 && !Drain(output.read_end, out)) output.CloseRead();
    if (streams[1].revents != 0 && !Drain(errors.read_end, err)) errors.CloseRead();
    if (err.size() > 4 * kErrorTail) err.erase(0, err.size() - kErrorTail);
  }
  return {};
}

/// The status of `child`, which has closed its streams and so is about to end, or is made to.
int Reap(pid_t child) {
  const int handle = ::pidfd_open(child, 0);
  pollfd end = {handle, POLLIN, 0};
  ::poll(&end, 1, 1000);
  if (handle >= 0) ::close(handle);
  ::kill(-child, SIGKILL);  // Until waitpid() the group is the child's, even if it has ended.
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return status;
}

std::string Tail(std::string_view text) {
  while (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  if (text.size() > kErrorTail) text.remove_prefix(text.size() - kErrorTail);
  return std::string(text);
}

}  // namespace

Result<std::string> RunChild(const std::vector<std::string>& command, const ChildLimits& limits,
                             const std::stop_token& stop) {
  std::vector<std::string> words = {"prlimit", fmt::format("--as={}", limits.address_space),
                                    fmt::format("--cpu={}", limits.deadline.count()), "--core=0",
                                    "--"};
  words.insert(words.end(), command.begin(), command.end());
  std::vector<char*> arguments;
  arguments.reserve(words.size() + 1);
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string locale = "LC_ALL=C";
  // A heap for each of its threads would take 128 MiB of address space, and the limit with it.
  std::string heaps = "MALLOC_ARENA_MAX=1";
  std::array<char*, 4> environment = {path.data(), locale.data(), heaps.data(), nullptr};

  Pipe output;
  Pipe errors;
  if (!output.Open() || !errors.Open()) {
    return Fail(Code::kUnavailable, "cannot open a pipe: {}",
                std::generic_category().message(errno));
  }
  const SpawnSettings settings(output, errors);
  pid_t child = 0;
  const int failure = ::posix_spawnp(&child, words[0].c_str(), &settings.actions,
                                     &settings.attributes, arguments.data(), environment.data());
  if (failure != 0) {
    return Fail(Code::kUnavailable, "cannot start {}: {}", words[0],
                std::generic_category().message(failure));
  }
  output.CloseWrite();
  errors.CloseWrite();

  std::string out;
  std::string err;
  Result<void> collected = Collect(output, errors, limits, stop, out, err);
  if (!collected) ::kill(-child, SIGKILL);
  const int status = Reap(child);
  if (!collected) {
    return Fail(collected.error().code, "{}: {}", command[0], collected.error().message);
  }
  if (WIFSIGNALED(status)) {
    return Fail(Code::kInternal, "{} was ended by signal {}: {}", command[0], WTERMSIG(status),
                Tail(err));
  }
  if (WEXITSTATUS(status) != 0) {
    return Fail(Code::kInternal, "{} failed: {}", command[0], Tail(err));
  }
  return out;
}

}  // namespace sf::images
