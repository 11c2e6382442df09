// SPDX-License-Identifier: Apache-2.0
#include "compute/kvm_probe.h"

#include <fcntl.h>
#include <grp.h>
#include <linux/kvm.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <utility>
#include "node/base/file_descriptor.h"

namespace sf::compute {
namespace {

constexpr char kQemuUser[] = "libvirt-qemu";
constexpr int kApiVersion = 12;  // The only one there has been since Linux 2.6.22.
constexpr std::uint64_t kGuestAddress = 0x1000;
constexpr std::size_t kPageSize = 4096;
constexpr std::uint8_t kHalt = 0xf4;
constexpr std::chrono::milliseconds kKillGrace{500};

tl::unexpected<Error> SystemFailure(std::string_view what) {
  return Fail(Code::kUnavailable, "{}: {}", what, std::strerror(errno));
}

Result<FileDescriptor> Opened(int fd, std::string_view what) {
  if (fd < 0) return SystemFailure(what);
  return FileDescriptor(fd);
}

/// From root to the user of QEMU, so that the probe has the rights QEMU will have.
Result<void> BecomeQemuUser() {
  if (geteuid() != 0) return {};
  const passwd* user = getpwnam(kQemuUser);
  if (user == nullptr) return Fail(Code::kUnavailable, "there is no user {}", kQemuUser);
  if (initgroups(user->pw_name, user->pw_gid) != 0 || setgid(user->pw_gid) != 0 ||
      setuid(user->pw_uid) != 0) {
    return SystemFailure(fmt::format("user {} cannot be taken on", kQemuUser));
  }
  return {};
}

/// Makes `vcpu` begin at kGuestAddress in real mode.
Result<void> PointAtGuest(int vcpu) {
  kvm_sregs segments{};
  if (ioctl(vcpu, KVM_GET_SREGS, &segments) < 0) return SystemFailure("KVM_GET_SREGS");
  segments.cs.base = 0;
  segments.cs.selector = 0;
  if (ioctl(vcpu, KVM_SET_SREGS, &segments) < 0) return SystemFailure("KVM_SET_SREGS");
  kvm_regs registers{};
  registers.rip = kGuestAddress;
  registers.rflags = 2;  // The bit that is always set.
  if (ioctl(vcpu, KVM_SET_REGS, &registers) < 0) return SystemFailure("KVM_SET_REGS");
  return {};
}

Result<void> RunUntilHalt(int kvm, int vcpu) {
  const int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (size < static_cast<int>(sizeof(kvm_run))) return SystemFailure("KVM_GET_VCPU_MMAP_SIZE");
  void* const shared =
      mmap(nullptr, static_cast<std::size_t>(size), PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
  if (shared == MAP_FAILED) return SystemFailure("memory shared with KVM");
  if (ioctl(vcpu, KVM_RUN, 0) < 0) return SystemFailure("KVM_RUN");
  const std::uint32_t reason = static_cast<const kvm_run*>(shared)->exit_reason;
  if (reason != KVM_EXIT_HLT) {
    return Fail(Code::kUnavailable, "KVM left its guest for reason {}, not at its halt", reason);
  }
  return {};
}

/// A guest of one page and one instruction. Leaves its memory to the end of the process.
Result<void> RunSmallestGuest() {
  const FileDescriptor kvm = TRY(Opened(open("/dev/kvm", O_RDWR | O_CLOEXEC), "/dev/kvm"));
  if (ioctl(kvm.get(), KVM_GET_API_VERSION, 0) != kApiVersion) {
    return Fail(Code::kUnavailable, "KVM does not have API version {}", kApiVersion);
  }
  const FileDescriptor vm = TRY(Opened(ioctl(kvm.get(), KVM_CREATE_VM, 0), "KVM_CREATE_VM"));
  void* const page =
      mmap(nullptr, kPageSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return SystemFailure("memory for a guest");
  *static_cast<std::uint8_t*>(page) = kHalt;
  const kvm_userspace_memory_region region{.slot = 0,
                                           .flags = 0,
                                           .guest_phys_addr = kGuestAddress,
                                           .memory_size = kPageSize,
                                           .userspace_addr = reinterpret_cast<std::uint64_t>(page)};
  if (ioctl(vm.get(), KVM_SET_USER_MEMORY_REGION, &region) < 0) {
    return SystemFailure("KVM_SET_USER_MEMORY_REGION");
  }
  const FileDescriptor vcpu = TRY(Opened(ioctl(vm.get(), KVM_CREATE_VCPU, 0), "KVM_CREATE_VCPU"));
  TRY(PointAtGuest(vcpu.get()));
  return RunUntilHalt(kvm.get(), vcpu.get());
}

Result<void> Probe() {
  TRY(BecomeQemuUser());
  if (access("/dev/kvm", R_OK | W_OK) != 0 && errno == EACCES) {
    return Fail(Code::kUnavailable, "user {} may not open /dev/kvm; add it to the group kvm",
                kQemuUser);
  }
  return RunSmallestGuest();
}

bool HasEnded(const FileDescriptor& process, std::chrono::milliseconds limit) {
  pollfd wait{.fd = process.get(), .events = POLLIN, .revents = 0};
  return poll(&wait, 1, static_cast<int>(limit.count())) == 1;
}

/// Starts `executable` probe-kvm with `output` as its standard output.
Result<pid_t> Spawn(const std::filesystem::path& executable, const FileDescriptor& output) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, output.get(), STDOUT_FILENO);
  std::string command = "probe-kvm";
  std::string program = executable.string();
  char* const arguments[] = {program.data(), command.data(), nullptr};
  pid_t pid = -1;
  const int failure = posix_spawn(&pid, program.c_str(), &actions, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) {
    return Fail(Code::kInternal, "{} cannot be started: {}", program, std::strerror(failure));
  }
  return pid;
}

}  // namespace

int RunKvmProbe() {
  const Result<void> result = Probe();
  if (result) return 0;
  std::puts(result.error().message.c_str());
  return 1;
}

Result<void> KvmUsable(const std::filesystem::path& executable,
                       std::chrono::milliseconds deadline) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return SystemFailure("pipe");
  const FileDescriptor reader(ends[0]);
  FileDescriptor writer(ends[1]);
  const pid_t pid = TRY(Spawn(executable, writer));
  writer = FileDescriptor();
  const FileDescriptor process(
      static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));  // No glibc 2.36 C++ name.

  if (!HasEnded(process, deadline)) {
    kill(pid, SIGKILL);
    // What hangs inside the kernel does not even heed this; then nothing more can be done.
    if (HasEnded(process, kKillGrace)) waitpid(pid, nullptr, 0);
    return Fail(Code::kTimeout, "KVM hangs: the smallest guest did not run within {} ms",
                deadline.count());
  }
  int status = 0;
  waitpid(pid, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
  char reason[256] = {};
  const ssize_t length = read(reader.get(), reason, sizeof reason - 1);
  std::string text(reason, length > 0 ? static_cast<std::size_t>(length) : 0);
  while (text.ends_with('\n')) text.pop_back();
  return Fail(Code::kUnavailable, "KVM cannot run a guest: {}",
              text.empty() ? "the probe failed without a reason" : text);
}

}  // namespace sf::compute
