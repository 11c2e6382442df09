// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sf {

/// A random (version 4) UUID, RFC 4122 section 4.4, from the kernel's generator.
std::string MakeUuid();

/// Whether `text` has the form of a UUID, in lower or upper case.
bool IsUuid(std::string_view text);

/// `bytes` random bytes in hexadecimal, for secrets and nonces.
std::string RandomHex(std::size_t bytes);

}  // namespace sf
