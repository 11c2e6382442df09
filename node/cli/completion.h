// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "node/base/result.h"

namespace sf::cli {

/// Flags that may stand anywhere: those with a value, and switches.
inline constexpr std::string_view kValueFlags[] = {"--apiurl", "--namespace", "--key",
                                                   "--cacert", "--async",     "--async-strategy"};
inline constexpr std::string_view kSwitches[] = {"--json", "--simple", "--pretty", "--help"};

/// The script that has `shell` ask `sf complete` what may come next. kInvalid: no such shell.
Result<std::string> CompletionScript(std::string_view shell);

/// What the last of `words` (all after "sf") may become. `names_at` lists the objects of a path,
/// empty if the server does not answer in time.
///
/// Only what a shell takes as it is comes out: names are strangers' text, and a shell would run
/// what one of them has between backquotes.
std::vector<std::string> Complete(
    const std::vector<std::string>& words,
    const std::function<std::vector<std::string>(std::string_view path)>& names_at);

}  // namespace sf::cli
