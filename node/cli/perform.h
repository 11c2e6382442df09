// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "node/cli/api_client.h"
#include "node/cli/verb.h"

namespace sf::cli {

/// What a script sees of how it went; `sf --help` lists them.
constexpr int kExitFailed = 1;
constexpr int kExitUsage = 2;
int ExitCodeOf(Code code);

/// Makes the calls of a verb, waits for what they have begun, and gives `print` what there is to
/// show, also when it then turns out that waiting was in vain.
Result<void> Perform(ApiClient& client, const Verb& verb, const Arguments& arguments,
                     const nlohmann::json& body, Style style,
                     const std::function<void(const std::string&)>& print);

}  // namespace sf::cli
