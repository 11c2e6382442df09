// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "compute/domain_spec.h"
#include "node/base/result.h"
#include "templates/render.h"

namespace sf::compute {

/// `spec` as libvirt reads it, through the template domain.xml.
Result<std::string> DomainXml(const DomainSpec& spec, const Templates& templates);

/// The part of such a text that describes the NIC of that MAC address. kInvalid without one.
Result<std::string> InterfaceXml(const std::string& domain_xml, const std::string& mac);

/// A disk of a domain, by the name it has there, and the file that a copy of it becomes.
struct DiskCopy {
  std::string device;
  std::string path;
};

/// The copy of all `disks` at one moment as libvirt reads it, through the template backup.xml.
Result<std::string> CopyXml(const std::vector<DiskCopy>& disks, const Templates& templates);

/// Whether an operator's domain.xml and backup.xml ask only for names that are there, in all their
/// sections.
Result<void> CheckDomainTemplate(const Templates& templates);

}  // namespace sf::compute
