// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "compute/domain_spec.h"
#include "node/base/result.h"
#include "templates/render.h"

namespace sf::compute {

/// `spec` as libvirt reads it, through the template domain.xml.
Result<std::string> DomainXml(const DomainSpec& spec, const Templates& templates);

/// Whether an operator's domain.xml asks only for names that a domain has, in all its sections.
Result<void> CheckDomainTemplate(const Templates& templates);

}  // namespace sf::compute
