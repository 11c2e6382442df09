// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

#include "node/base/result.h"

namespace sf::compute {

/// Where a viewer finds the screen of a domain, and what it has to say there to be let in.
struct Screen {
  std::string type;  ///< "spice" or "vnc"
  std::uint16_t port = 0;
  std::string password;
};

/// The screen of a running domain with a new random password, and its <graphics> element as libvirt
/// has to be given it for that. `domain_xml` is libvirt's own description of the domain: all but
/// the password has to stay as it is. Nobody new is let in from `valid_until` on.
struct ScreenChange {
  Screen screen;
  std::string graphics_xml;
};
Result<ScreenChange> NewPassword(const std::string& domain_xml, std::time_t valid_until);

}  // namespace sf::compute
