// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "node/base/file_descriptor.h"
#include "node/base/result.h"

namespace sf::api {

/// A non-blocking socket that listens on `address` (numeric, IPv4 or IPv6) and `port`. A port that
/// somebody else listens on is an error: httplib sets SO_REUSEPORT, and so two daemons would have
/// shared one in silence.
Result<FileDescriptor> ListenOn(const std::string& address, int port);

/// The port that a listening socket got when it asked for 0.
int BoundPort(const FileDescriptor& listener);

}  // namespace sf::api
