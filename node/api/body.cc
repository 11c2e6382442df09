// SPDX-License-Identifier: Apache-2.0
#include "node/api/body.h"

#include <algorithm>

#include "node/base/number.h"

namespace sf::api {
namespace {

using nlohmann::json;

constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxName = 63;

/// Counted before parsing, since the parser has no such limit.
bool IsTooDeep(std::string_view text) {
  int depth = 0;
  bool in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        in_string = false;
      }
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > kMaxDepth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Result<json> ParseBody(std::string_view text) {
  if (text.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::object();
  if (IsTooDeep(text)) {
    return Fail(Code::kInvalid, "the body is nested more than {} levels deep", kMaxDepth);
  }
  json body = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (body.is_discarded()) return Fail(Code::kInvalid, "the body is not JSON in UTF-8");
  if (body.is_null()) return json::object();
  if (!body.is_object()) return Fail(Code::kInvalid, "the body is not a JSON object");
  return body;
}

json WithQuery(const std::map<std::string, std::string>& query, const json& body) {
  if (query.empty()) return body;
  json fields = json::parse(json(query).dump(-1, ' ', false, json::error_handler_t::replace));
  fields.update(body);
  return fields;
}

const json* Fields::Any(const char* key) const {
  const auto found = object_.find(key);
  return found == object_.end() || found->is_null() ? nullptr : &*found;
}

Result<std::optional<std::string>> Fields::Text(const char* key) const {
  const json* value = Any(key);
  if (value == nullptr) return std::optional<std::string>{};
  if (!value->is_string()) return Fail(Code::kInvalid, "{} is not a string", Name(key));
  return std::optional(value->get<std::string>());
}

Result<std::optional<std::string>> Fields::NonEmpty(const char* key) const {
  auto text = TRY(Text(key));
  if (text && text->empty()) text.reset();
  return text;
}

Result<std::string> Fields::Required(const char* key) const {
  auto text = TRY(Text(key));
  if (!text || text->empty()) return Fail(Code::kInvalid, "{} is missing", Name(key));
  return *std::move(text);
}

Result<std::optional<std::int64_t>> Fields::Integer(const char* key, std::int64_t least,
                                                    std::int64_t most) const {
  const json* value = Any(key);
  if (value == nullptr) return std::optional<std::int64_t>{};
  std::int64_t number = 0;
  bool valid = false;
  if (value->is_number_integer()) {
    // A number past the signed range would wrap to a negative one.
    valid = !value->is_number_unsigned() || value->get<std::uint64_t>() <= INT64_MAX;
    if (valid) number = value->get<std::int64_t>();
  } else if (value->is_string()) {
    const auto parsed = ToNumber<std::int64_t>(value->get_ref<const std::string&>());
    valid = parsed.has_value();
    number = parsed.value_or(0);
  }
  if (!valid) return Fail(Code::kInvalid, "{} is not a whole number", Name(key));
  if (number < least || number > most) {
    return Fail(Code::kInvalid, "{} is {}, and must be from {} to {}", Name(key), number, least,
                most);
  }
  return std::optional(number);
}

Result<bool> Fields::Flag(const char* key, bool otherwise) const {
  const json* value = Any(key);
  if (value == nullptr) return otherwise;
  if (value->is_boolean()) return value->get<bool>();
  if (*value == "true" || *value == "True") return true;
  if (*value == "false" || *value == "False" || *value == json("")) return false;
  return Fail(Code::kInvalid, "{} is neither true nor false", Name(key));
}

bool IsName(std::string_view text) {
  const auto letter_or_digit = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
  };
  return !text.empty() && text.size() <= kMaxName && letter_or_digit(text.front()) &&
         std::all_of(text.begin(), text.end(), [&](char c) {
           return letter_or_digit(c) || c == '.' || c == '-' || c == '_';
         });
}

}  // namespace sf::api
