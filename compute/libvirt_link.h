// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <utility>

#include "compute/bounded_calls.h"
#include "compute/libvirt_handle.h"
#include "node/base/id.h"
#include "node/base/result.h"

namespace sf::compute {

/// The one connection to libvirtd, shared by all threads and made anew when it has broken.
///
/// libvirt has no time limit for a call: each gets one here. One that has no answer by then leaves
/// the connection to itself, because libvirtd serves only five calls of a connection at a time.
///
/// Thread: worker (libvirt blocks).
class LibvirtLink : public std::enable_shared_from_this<LibvirtLink> {
 public:
  /// `prefix`: of the names of our domains. `patience`: with one call.
  LibvirtLink(std::string uri, std::string prefix, std::chrono::milliseconds patience);

  /// `work(connection)`, and once more if the connection turns out to be broken: libvirtd has most
  /// likely restarted since the last call. So work must bear being done twice. It has to own what
  /// it uses, as it may still be done when nobody waits for it any more. `key`: what it is about;
  /// while it is stuck, other work on the same is refused. kUnavailable when there is no answer.
  template <class Work, class Answer = std::invoke_result_t<Work, virConnectPtr>>
  Answer Call(const std::string& key, Work work) {
    auto answer = calls_.Run<typename Answer::value_type>(
        key, [self = shared_from_this(), work = std::move(work)] { return self->CallNow(work); });
    if (!answer && answer.error().code == Code::kUnavailable) {
      Leave();
      answer.error().message = fmt::format("libvirt at {}: {}", uri_, answer.error().message);
    }
    return answer;
  }

  /// Finds the domain of `id` and does `work(domain)` to it, likewise.
  template <class Work, class Answer = std::invoke_result_t<Work, virDomainPtr>>
  Answer CallOnDomain(const InstanceId& id, Work work) {
    return Call(id.value, [this, id, work = std::move(work)](virConnectPtr connection) -> Answer {
      const DomainHandle domain = TRY(Find(connection, id));
      return work(domain.get());
    });
  }

  Result<DomainHandle> Find(virConnectPtr connection, const InstanceId& id) const;  ///< kNotFound
  const std::string& prefix() const { return prefix_; }

 private:
  template <class Work>
  auto CallNow(const Work& work) -> decltype(work(virConnectPtr{})) {
    for (int attempt = 1;; ++attempt) {
      const ConnectionHandle connection = TRY(Connection());
      auto result = work(connection.get());
      if (result || virConnectIsAlive(connection.get()) == 1) return result;
      Drop(connection);
      if (attempt == 2) return Fail(Code::kUnavailable, "{}", result.error().message);
    }
  }

  Result<ConnectionHandle> Connection();
  void Drop(const ConnectionHandle& broken);
  /// The next call gets another connection, unless somebody is just making one.
  void Leave();

  const std::string uri_;
  const std::string prefix_;
  BoundedCalls calls_;
  std::mutex mutex_;  // guards connection_, and is held while it is made
  ConnectionHandle connection_;
};

}  // namespace sf::compute
