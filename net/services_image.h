// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "net/docker.h"
#include "node/base/id.h"
#include "node/base/netblock.h"
#include "node/base/result.h"

namespace sf::net {

/// The root file system of the container that serves networks, as a tar: this host's own dnsmasq,
/// our sf-services and what these two load, so that no registry is needed. The same programs are
/// the same bytes.
Result<std::string> ServicesImage(const std::string& sf_services, const std::string& dnsmasq);

/// What starts in it.
std::vector<std::string> ServicesEntrypoint();

/// What, run in it, prints what ping(8) would of `address`, asked from within `network`.
std::vector<std::string> PingCommand(const NetworkId& network, IpAddress address);

/// The container that runs it, on `folder` (net/services_folder.h).
ContainerSpec ServicesContainer(const std::string& image, const std::string& folder);

}  // namespace sf::net
