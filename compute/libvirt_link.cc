// SPDX-License-Identifier: Apache-2.0
#include "compute/libvirt_link.h"

#include <csignal>
#include <utility>

namespace sf::compute {
namespace {

/// Calls that libvirtd still owes an answer, at most: each has a thread of its own.
constexpr std::size_t kMostStuck = 32;

}  // namespace

LibvirtLink::LibvirtLink(std::string uri, std::string prefix, std::chrono::milliseconds patience)
    : uri_(std::move(uri)), prefix_(std::move(prefix)), calls_(kMostStuck, patience) {
  std::signal(SIGPIPE, SIG_IGN);  // libvirt writes to a libvirtd that has gone, and would end us.
  virInitialize();
  virSetErrorFunc(nullptr, [](void*, virErrorPtr) {});  // Else libvirt prints every error.
}

Result<DomainHandle> LibvirtLink::Find(virConnectPtr connection, const InstanceId& id) const {
  const std::string name = prefix_ + id.value;
  DomainHandle domain(virDomainLookupByName(connection, name.c_str()));
  if (!domain) return LibvirtFailure("domain {}", name);
  return domain;
}

Result<ConnectionHandle> LibvirtLink::Connection() {
  const std::lock_guard lock(mutex_);
  if (!connection_) connection_.reset(virConnectOpen(uri_.c_str()));
  if (!connection_) {
    return Fail(Code::kUnavailable, "{}", LibvirtFailure("no connection").value().message);
  }
  return Share(connection_);
}

void LibvirtLink::Drop(const ConnectionHandle& broken) {
  const std::lock_guard lock(mutex_);
  if (connection_ == broken) connection_.reset();  // Another thread may have replaced it.
}

void LibvirtLink::Leave() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (lock) connection_.reset();
}

}  // namespace sf::compute
