// SPDX-License-Identifier: Apache-2.0
#include "net/network_namespace.h"

#include <fcntl.h>
#include <sched.h>

#include <cerrno>
#include <system_error>

#include "node/base/check.h"

namespace sf::net {
namespace {

std::string Reason() { return std::generic_category().message(errno); }

}  // namespace

Result<FileDescriptor> OpenOwnNamespace() {
  FileDescriptor opened(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
  if (opened.get() < 0) return Fail(Code::kInternal, "no network namespace: {}", Reason());
  return opened;
}

Home::~Home() {
  if (away_) SF_CHECK(::setns(home_.get(), CLONE_NEWNET) == 0);
}

Result<void> Home::Enter(const FileDescriptor& other) {
  if (::setns(other.get(), CLONE_NEWNET) == 0) {
    away_ = true;
    return {};
  }
  return Fail(Code::kInternal, "cannot enter a network namespace: {}", Reason());
}

Result<void> Home::EnterNew() {
  if (::unshare(CLONE_NEWNET) == 0) {
    away_ = true;
    return {};
  }
  return Fail(Code::kInternal, "no new network namespace: {}", Reason());
}

}  // namespace sf::net
