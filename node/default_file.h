// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sf {

/// A file of options to begin with: every one explained, and commented out with its default.
std::string DefaultFile();

}  // namespace sf
