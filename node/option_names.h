// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "node/config_options.h"

// What options are called, and what people call them.
namespace sf {

/// Before an option's name, it is that of its variable.
inline constexpr std::string_view kVariablePrefix = "SHAKENFIST_";
inline constexpr std::string_view kDefaultConfigFile = "/etc/shakenfist/node.conf";

/// NODE_IP: --node-ip.
std::string FlagOf(std::string_view name);
/// Null if there is none.
const ConfigOption* FindOption(std::string_view name);
/// The one that is spelt most like `name`.
std::string_view NearestOption(std::string_view name);
/// Only what cannot be a secret in the wrong place is repeated in an error.
std::string Quotable(std::string_view argument);

}  // namespace sf
