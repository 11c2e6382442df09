// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "node/api/http_message.h"

namespace sf::api {

/// The page at /: for people who land here, and for clients, which look for `capabilities` in its
/// text. So no other word in it may be one. `https`: how the API is asked.
Response RootPage(bool https, std::span<const std::string_view> capabilities);

}  // namespace sf::api
