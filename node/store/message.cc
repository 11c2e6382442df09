// SPDX-License-Identifier: Apache-2.0
#include "node/store/message.h"

#include <nlohmann/json.hpp>

namespace sf::store {

std::string Storable(std::string_view message) {
  using nlohmann::json;
  constexpr std::size_t kMaxBytes = 16384;  // Three times that, if all is replaced, fits in a TEXT.
  const json text = message.substr(0, kMaxBytes);
  return json::parse(text.dump(-1, ' ', false, json::error_handler_t::replace));
}

}  // namespace sf::store
