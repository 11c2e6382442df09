// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>

#include "compute/libvirt_handle.h"
#include "node/base/id.h"
#include "node/base/result.h"

namespace sf::compute {

/// The one connection to libvirtd, shared by all threads and made anew when it has broken.
///
/// Thread: worker (libvirt blocks).
class LibvirtLink {
 public:
  /// `prefix`: of the names of our domains.
  LibvirtLink(std::string uri, std::string prefix);

  /// `work(connection)`, and once more if the connection turns out to be broken: libvirtd has most
  /// likely restarted since the last call. So work must bear being done twice.
  template <class Work>
  auto Call(const Work& work) -> decltype(work(virConnectPtr{})) {
    for (int attempt = 1;; ++attempt) {
      const ConnectionHandle connection = TRY(Connection());
      auto result = work(connection.get());
      if (result || virConnectIsAlive(connection.get()) == 1) return result;
      Drop(connection);
      if (attempt == 2) return Fail(Code::kUnavailable, "libvirt: {}", result.error().message);
    }
  }

  /// Finds the domain of `id` and does `work(domain)` to it.
  template <class Work>
  auto CallOnDomain(const InstanceId& id, const Work& work) -> decltype(work(virDomainPtr{})) {
    using Answer = decltype(work(virDomainPtr{}));
    return Call([&](virConnectPtr connection) -> Answer {
      const DomainHandle domain = TRY(Find(connection, id));
      return work(domain.get());
    });
  }

  Result<DomainHandle> Find(virConnectPtr connection, const InstanceId& id) const;  ///< kNotFound
  const std::string& prefix() const { return prefix_; }

 private:
  Result<ConnectionHandle> Connection();
  void Drop(const ConnectionHandle& broken);

  const std::string uri_;
  const std::string prefix_;
  std::mutex mutex_;  // guards connection_
  ConnectionHandle connection_;
};

}  // namespace sf::compute
