// SPDX-License-Identifier: Apache-2.0
#include "templates/render.h"

#include <algorithm>
#include <exception>
#include <fstream>
#include <iterator>
#include <kainjow/mustache.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>

#include "templates/builtin_texts.h"
#include "templates/xml_text.h"

namespace sf {
namespace {

namespace mustache = kainjow::mustache;

constexpr std::uintmax_t kMaxTextSize = 1 << 20;

/// How values enter one kind of text.
struct Kind {
  std::string_view suffix;
  bool (*accepts)(std::string_view);
  std::string (*escape)(std::string_view);
};

/// A configuration file of lines has no escapes: a value that would begin another line has no place
/// there.
bool IsLine(std::string_view text) {
  return std::ranges::none_of(text, [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; });
}

constexpr Kind kKinds[] = {
    {".xml", IsXmlText, EscapeXml},
    {".conf", IsLine, [](std::string_view text) { return std::string(text); }},
    {".nft", IsLine, [](std::string_view text) { return std::string(text); }}};

Result<Kind> KindOf(std::string_view name) {
  const auto kind = std::ranges::find_if(
      kKinds, [name](const Kind& each) { return name.ends_with(each.suffix); });
  if (kind == std::end(kKinds)) return Fail(Code::kInternal, "{}: no rule to escape values", name);
  return *kind;
}

/// Looks names up as Mustache does, and remembers the first that has no value.
class StrictContext : public mustache::context<std::string> {
 public:
  using mustache::context<std::string>::context;

  const mustache::data* get(const std::string& name) const override {
    const mustache::data* found = mustache::context<std::string>::get(name);
    if (found == nullptr && !missing_) missing_ = name;
    return found;
  }

  const std::optional<std::string>& missing() const { return missing_; }

 private:
  mutable std::optional<std::string> missing_;  // get() is const in the library.
};

/// The first tag of a sort that Templates does not have: one whose value would not be escaped
/// ("{{{", "{{&"), a partial, or a change of delimiters, behind which the others could hide.
std::optional<std::string_view> ForbiddenTag(std::string_view text) {
  for (auto begin = text.find("{{"); begin != text.npos; begin = text.find("{{", begin)) {
    const auto mark = text.find_first_not_of(" \t\r\n", begin + 2);
    const auto end = text.find("}}", begin + 2);
    if (mark == text.npos || end == text.npos) return std::nullopt;  // Left to the parser.
    if (std::string_view("{&>=").find(text[mark]) != std::string_view::npos) {
      return text.substr(begin, end + 2 - begin);
    }
    begin = end + 2;
  }
  return std::nullopt;
}

Result<mustache::mustache> Parse(std::string_view origin, const std::string& text) {
  if (const auto tag = ForbiddenTag(text)) {
    return Fail(Code::kInvalid, "template {}: the tag {} is not allowed here", origin, *tag);
  }
  mustache::mustache parsed(text);
  if (!parsed.is_valid()) {
    return Fail(Code::kInvalid, "template {}: {}", origin, parsed.error_message());
  }
  return parsed;
}

/// `value`, called `path` in messages, as the library has it.
Result<mustache::data> ToData(const nlohmann::json& value, const std::string& path,
                              const Kind& kind) {
  switch (value.type()) {
    case nlohmann::json::value_t::string: {
      const auto& text = value.get_ref<const std::string&>();
      if (kind.accepts(text)) return mustache::data(text);
      return Fail(Code::kInvalid, "{} holds a character that is not allowed in {}", path,
                  kind.suffix.substr(1));
    }
    case nlohmann::json::value_t::boolean: return mustache::data(value.get<bool>());
    case nlohmann::json::value_t::array: {
      mustache::list list;
      for (std::size_t i = 0; i < value.size(); ++i) {
        list.push_back(TRY(ToData(value[i], fmt::format("{}[{}]", path, i), kind)));
      }
      return mustache::data(list);
    }
    case nlohmann::json::value_t::object: {
      mustache::object object;
      for (const auto& [key, member] : value.items()) {
        if (member.is_null()) continue;
        object[key] =
            TRY(ToData(member, path.empty() ? key : fmt::format("{}.{}", path, key), kind));
      }
      return mustache::data(object);
    }
    default:
      if (value.is_number()) return mustache::data(value.dump());
      return Fail(Code::kInvalid, "{} has no value", path);
  }
}

Result<std::string> ReadOperatorsText(const std::filesystem::path& path) {
  std::error_code failure;
  const auto size = std::filesystem::file_size(path, failure);
  if (failure) return Fail(Code::kInvalid, "template {}: {}", path.string(), failure.message());
  if (size > kMaxTextSize) {
    return Fail(Code::kTooLarge, "template {}: {} bytes are more than {}", path.string(), size,
                kMaxTextSize);
  }
  std::ifstream file(path, std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(file), {});
  if (!file) return Fail(Code::kInvalid, "template {}: cannot be read", path.string());
  return text;
}

}  // namespace

Result<Templates> Templates::Load(const std::filesystem::path& folder) try {
  if (!folder.empty() && !std::filesystem::is_directory(folder)) {
    return Fail(Code::kInvalid, "template path {} is not a folder", folder.string());
  }
  Templates templates;
  for (const BuiltinText& builtin : BuiltinTexts()) {
    Text text{fmt::format("{} (built in)", builtin.name), std::string(builtin.text)};
    const auto own = folder / builtin.name;
    if (!folder.empty() && std::filesystem::exists(own)) {
      text.text = TRY(ReadOperatorsText(own));
      text.origin = own.string();
    }
    TRY(Parse(text.origin, text.text));
    templates.texts_.emplace(builtin.name, std::move(text));
  }
  return templates;
} catch (const std::exception& exception) {
  return Fail(Code::kInvalid, "templates could not be read: {}", exception.what());
}

Result<std::string> Templates::Render(std::string_view name, const nlohmann::json& values) const
    try {
  const auto found = texts_.find(name);
  if (found == texts_.end()) return Fail(Code::kInternal, "there is no template {}", name);
  const auto& [origin, text] = found->second;
  const Kind kind = TRY(KindOf(name));
  const auto data = ToData(values, "", kind);
  if (!data) return Fail(data.error().code, "template {}: {}", origin, data.error().message);

  // Parsed anew each time: rendering changes the library's object, so that sharing one between
  // threads would need a lock, and parsing takes a fraction of a millisecond.
  mustache::mustache parsed = TRY(Parse(origin, text));
  parsed.set_custom_escape(kind.escape);
  StrictContext context(&*data);
  std::ostringstream out;
  parsed.render(context, out);
  if (context.missing()) {
    return Fail(Code::kInternal, "template {}: {} has no value", origin, *context.missing());
  }
  return std::move(out).str();
} catch (const std::exception& exception) {
  return Fail(Code::kInternal, "template {} could not be rendered: {}", name, exception.what());
}

}  // namespace sf
