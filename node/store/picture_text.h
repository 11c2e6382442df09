// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "node/base/result.h"
#include "node/store/picture.h"

namespace sf::store {

/// A picture as the disk remembers it: a line with its format and a hash, and JSON. It holds the
/// hashes of keys, so whoever writes it keeps it from others.
std::string ToText(const Picture& picture);
/// kCorrupt unless it is whole and of this format.
Result<Picture> ParsePicture(std::string_view text);

}  // namespace sf::store
