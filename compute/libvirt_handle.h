// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>

#include <memory>
#include <string_view>

#include "node/base/result.h"

namespace sf::compute {

struct LibvirtRelease {
  void operator()(virConnectPtr connection) const { virConnectClose(connection); }
  void operator()(virDomainPtr domain) const { virDomainFree(domain); }
};
using ConnectionHandle = std::unique_ptr<virConnect, LibvirtRelease>;
using DomainHandle = std::unique_ptr<virDomain, LibvirtRelease>;

/// Another handle of the same connection, which closes with its last one.
inline ConnectionHandle Share(const ConnectionHandle& connection) {
  virConnectRef(connection.get());
  return ConnectionHandle(connection.get());
}

/// What a caller can do about a libvirt error.
inline Code ToCode(const virError& error) {
  // What went wrong on the way: to libvirtd, or from there to virtlogd and the like.
  if (error.domain == VIR_FROM_RPC) return Code::kUnavailable;
  switch (error.code) {
    case VIR_ERR_NO_DOMAIN: return Code::kNotFound;
    case VIR_ERR_OPERATION_INVALID:
    case VIR_ERR_DOM_EXIST: return Code::kConflict;
    case VIR_ERR_XML_ERROR:
    case VIR_ERR_XML_DETAIL:
    case VIR_ERR_XML_INVALID_SCHEMA:
    case VIR_ERR_CONFIG_UNSUPPORTED: return Code::kInvalid;
    case VIR_ERR_NO_CONNECT:
    case VIR_ERR_RPC: return Code::kUnavailable;
    case VIR_ERR_OPERATION_TIMEOUT:
    case VIR_ERR_AGENT_UNRESPONSIVE: return Code::kTimeout;
    default: return Code::kInternal;
  }
}

/// The last error of this thread, after a libvirt call that failed; `what` could not be done.
template <class... Args>
tl::unexpected<Error> LibvirtFailure(fmt::format_string<Args...> what, Args&&... args) {
  const virError* error = virGetLastError();
  const bool known = error != nullptr && error->message != nullptr;
  return Fail(known ? ToCode(*error) : Code::kInternal, "{}: {}",
              fmt::format(what, std::forward<Args>(args)...),
              known ? error->message : "libvirt gives no reason");
}

}  // namespace sf::compute
