// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "node/base/file_descriptor.h"
#include "node/base/netblock.h"
#include "node/base/result.h"

namespace sf::net {

/// What ping(8) would print, line by line, after ten echo requests to `address` from inside the
/// network namespace `inside`. Takes three seconds at most. Without an answer it is no error.
///
/// Thread: any (blocks).
Result<std::vector<std::string>> Ping(const FileDescriptor& inside, IpAddress address);

}  // namespace sf::net
