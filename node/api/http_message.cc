// SPDX-License-Identifier: Apache-2.0
#include "node/api/http_message.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace sf::api {
namespace {

char Lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

std::string_view Request::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (EqualIgnoringCase(key, name)) return value;
  }
  return {};
}

Response ErrorResponse(int status, std::string_view message) {
  const nlohmann::json body = {{"error", message}, {"status", status}};
  // A message may quote a stranger's bytes; what is not UTF-8 is replaced, for dump() would throw.
  return {.status = status,
          .body = body.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)};
}

bool EqualIgnoringCase(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return Lower(x) == Lower(y); });
}

}  // namespace sf::api
