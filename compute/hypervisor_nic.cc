// SPDX-License-Identifier: Apache-2.0
// How a domain gets another NIC.
#include <cstdlib>
#include <memory>
#include <string_view>

#include "compute/hypervisor.h"
#include "compute/libvirt_link.h"

namespace sf::compute {
namespace {

/// What `text` describes becomes a part of the domain, unless it has the NIC already: of the one
/// that runs, or of the one that is started next.
Result<void> Attach(virDomainPtr domain, const std::string& mac, const std::string& text,
                    bool running) {
  const std::unique_ptr<char, decltype(&std::free)> description(
      virDomainGetXMLDesc(domain, running ? 0 : VIR_DOMAIN_XML_INACTIVE), &std::free);
  if (!description) return LibvirtFailure("a domain could not be read");
  if (std::string_view(description.get()).find(mac) != std::string_view::npos) return {};
  const unsigned where = running ? VIR_DOMAIN_AFFECT_LIVE : VIR_DOMAIN_AFFECT_CONFIG;
  if (virDomainAttachDeviceFlags(domain, text.c_str(), where) < 0) {
    return LibvirtFailure("the NIC {} could not be plugged in", mac);
  }
  return {};
}

}  // namespace

Result<void> Hypervisor::Plug(const InstanceId& id, const std::string& mac,
                              const std::string& xml) {
  return link_->CallOnDomain(id, [mac, xml](virDomainPtr domain) -> Result<void> {
    if (virDomainIsActive(domain) == 1) {
      const auto attached = Attach(domain, mac, xml, /*running=*/true);
      // One that has ended meanwhile gets it at its next start.
      if (!attached && virDomainIsActive(domain) != 0) return attached;
    }
    return Attach(domain, mac, xml, /*running=*/false);
  });
}

}  // namespace sf::compute
