// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "node/base/result.h"

namespace sf::api {

/// Parses the body of a request: a JSON object, or nothing at all, which counts as {}. kInvalid for
/// anything else, for text that is not UTF-8, and for nesting past 32: what is nested deeper could
/// exhaust the stack of whoever prints it.
Result<nlohmann::json> ParseBody(std::string_view text);

/// What a GET asks for, which may be in its query as well: browsers let nobody give it a body. The
/// body wins. As in a body everything is UTF-8; what is not is replaced.
nlohmann::json WithQuery(const std::map<std::string, std::string>& query,
                         const nlohmann::json& body);

/// Reads typed fields out of a JSON object. A key that is absent or null is unset; a value of the
/// wrong type is kInvalid, and the message names the field. Unknown keys are ignored, as clients of
/// several ages send them.
class Fields {
 public:
  /// `where` prefixes names in messages: "disk[0]." for the fields of the first disk.
  explicit Fields(const nlohmann::json& object, std::string where = "")
      : object_(object), where_(std::move(where)) {}

  Result<std::optional<std::string>> Text(const char* key) const;
  /// Unset also when the text is empty, as some clients send "" for nothing.
  Result<std::optional<std::string>> NonEmpty(const char* key) const;
  /// kInvalid if unset.
  Result<std::string> Required(const char* key) const;
  /// Also of a string of digits, as some clients send numbers so.
  Result<std::optional<std::int64_t>> Integer(const char* key, std::int64_t least,
                                              std::int64_t most) const;
  /// Also of "true" and "false".
  Result<bool> Flag(const char* key, bool otherwise) const;
  /// The value, whatever it is; nullptr if absent or null.
  const nlohmann::json* Any(const char* key) const;
  std::string Name(const char* key) const { return where_ + key; }

 private:
  const nlohmann::json& object_;
  const std::string where_;
};

/// [A-Za-z0-9.-_], starting with a letter or digit, at most 63: what a name in a path may be.
bool IsName(std::string_view text);

}  // namespace sf::api
