// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "node/base/result.h"

namespace sf::net {

/// The bytes of a tar archive (POSIX ustar) of `files` (absolute path -> content) and the folders
/// that they are in, all root's and executable, from the time 0: the same files are the same bytes.
/// `folders` are there even if empty. kInvalid: a path is too long.
Result<std::string> Tar(const std::map<std::string, std::string>& files,
                        const std::vector<std::string>& folders);

}  // namespace sf::net
