// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sf {

/// Whether a server could listen on `port` of `address` (numeric) at this moment. True also when
/// that cannot be told: whoever listens in earnest then says what is wrong.
bool IsPortFree(const std::string& address, int port);

}  // namespace sf
