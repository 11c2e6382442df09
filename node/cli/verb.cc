// SPDX-License-Identifier: Apache-2.0
#include "node/cli/verb.h"

#include "node/base/number.h"

namespace sf::cli {
namespace {

using nlohmann::json;

/// What may stand in a path as it is (RFC 3986, 2.3); all else is %-escaped, a slash as well.
bool IsUnreserved(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
         c == '.' || c == '_' || c == '~';
}

std::string Escaped(const std::string& text) {
  // Dots alone would be resolved as folders on the way.
  const bool dots = text == "." || text == "..";
  std::string escaped;
  for (const char c : text) {
    if (IsUnreserved(c) && !dots) {
      escaped += c;
    } else {
      escaped += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return escaped;
}

/// The value of "soft|hard" or "instance".
std::string ValueOf(std::string_view capture, const Arguments& arguments) {
  const std::size_t bar = capture.find('|');
  if (bar == std::string_view::npos) return Escaped(Text(arguments, capture));
  const std::string_view other = capture.substr(bar + 1);
  return std::string(Has(arguments, other) ? other : capture.substr(0, bar));
}

}  // namespace

std::string Parameter::Key() const {
  std::string_view key = name.substr(name.rfind(',') + 1);  // npos + 1 is 0: the whole.
  key.remove_prefix(std::min(key.find_first_not_of("-["), key.size()));
  return std::string(key.substr(0, key.find(']')));
}

bool Has(const Arguments& arguments, std::string_view key) { return arguments.contains(key); }

const std::string& Text(const Arguments& arguments, std::string_view key) {
  static const std::string none;
  const auto& all = All(arguments, key);
  return all.empty() ? none : all.back();
}

const std::vector<std::string>& All(const Arguments& arguments, std::string_view key) {
  static const std::vector<std::string> none;
  const auto found = arguments.find(key);
  return found == arguments.end() ? none : found->second;
}

const std::vector<Noun>& Nouns() {
  static const std::vector<Noun> nouns = {InstanceNoun(),  NetworkNoun(),  InterfaceNoun(),
                                          NamespaceNoun(), ArtifactNoun(), BlobNoun(),
                                          LabelNoun(),     NodeNoun()};
  return nouns;
}

Verb MakeVerb(std::string_view name, std::string_view method, std::string_view path,
              std::string_view help, std::string_view example, View view,
              std::vector<Parameter> parameters, Verb::BodyOf body) {
  return {name, {{method, path}}, help, example, std::move(view), std::move(parameters), body};
}

Verb Waiting(Until until, Verb verb) {
  verb.calls.front().until = until;
  return verb;
}

Parameter NamespaceFlag() {
  return {"--namespace", "of this namespace instead of one's own; for administrators", "namespace"};
}

Parameter ConfirmFlag() {
  return {"--confirm", "yes, all of them; without it nothing is done", "confirm", Type::kSwitch};
}

Verb EventsVerb(std::string_view noun, std::string_view path, std::string_view example) {
  return MakeVerb("events", "GET", path,
                  "Tell what happened to it, the newest first; --json tells more of each.", example,
                  Table({{"TIME", "/timestamp", Format::kTime},
                         {"NODE", "/fqdn"},
                         {"TYPE", "/type"},
                         {"SECONDS", "/duration"},
                         {"MESSAGE", "/message"}}),
                  {{noun, "its name or UUID"},
                   {"-t,--type", "only this type: audit, mutate, status, usage, ...", "event_type"},
                   {"-l,--limit", "at most so many (100)", "limit", Type::kNumber}});
}

Verb SetMetadataVerb(std::string_view noun, std::string_view path, std::string_view example) {
  return MakeVerb("set-metadata", "PUT", path,
                  "Set one entry of its metadata. The values of tags and affinity are JSON.",
                  example, Nothing(),
                  {{noun, "its name or UUID"}, {"key", "of the entry"}, {"value", "of the entry"}},
                  [](const Arguments& given) -> Result<json> {
                    json value = TRY(MetadataValue(Text(given, "key"), Text(given, "value")));
                    return json{{"value", std::move(value)}};
                  });
}

Verb DeleteMetadataVerb(std::string_view noun, std::string_view path, std::string_view example) {
  return MakeVerb("delete-metadata", "DELETE", path, "Delete one entry of its metadata.", example,
                  Nothing(), {{noun, "its name or UUID"}, {"key", "of the entry"}});
}

Result<json> MetadataValue(const std::string& key, const std::string& text) {
  if (key != "tags" && key != "affinity") return json(text);
  json value = json::parse(text, nullptr, false);
  if (value.is_discarded()) {
    return Fail(Code::kInvalid, "the value of {} is JSON, like {}", key,
                key == "tags" ? R"(["web", "db"])" : R"({"web": -10})");
  }
  return value;
}

Result<std::int64_t> WholeNumber(std::string_view what, const std::string& text) {
  if (const auto value = ToNumber<std::int64_t>(text)) return *value;
  return Fail(Code::kInvalid, "{} is a whole number, and not {}", what, text);
}

Result<json> BodyOf(const Verb& verb, const Arguments& arguments) {
  json body;
  for (const Parameter& parameter : verb.parameters) {
    const std::string key = parameter.Key();
    if (parameter.field.empty() || !Has(arguments, key)) continue;
    json& field = body[std::string(parameter.field)];
    switch (parameter.type) {
      case Type::kText:
      case Type::kSecret: field = Text(arguments, key); break;
      case Type::kNumber: field = TRY(WholeNumber(key, Text(arguments, key))); break;
      case Type::kSwitch: field = true; break;
      case Type::kMany: field = All(arguments, key); break;
    }
  }
  if (verb.body != nullptr) body.update(TRY(verb.body(arguments)));
  return body;
}

std::string PathOf(const Call& call, const Arguments& arguments) {
  std::string path;
  std::string_view rest = call.path;
  for (std::size_t open = rest.find('{'); open != std::string_view::npos; open = rest.find('{')) {
    const std::size_t close = rest.find('}', open);
    path += rest.substr(0, open);
    path += ValueOf(rest.substr(open + 1, close - open - 1), arguments);
    rest.remove_prefix(close + 1);
  }
  return path.append(rest);
}

}  // namespace sf::cli
