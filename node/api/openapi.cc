// SPDX-License-Identifier: Apache-2.0
#include "node/api/openapi.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>
#include <utility>

#include "node/api/openapi_text.h"
#include "node/base/check.h"

namespace sf::api {
namespace {

// Fields stay in the order in which they were written, for people read this, too.
using json = nlohmann::ordered_json;

constexpr std::string_view kAnyObject = "…";

/// openapi.json; its first field says how it is written.
const json& Words() {
  static const json words = json::parse(kOpenApiText, nullptr, /*allow_exceptions=*/false);
  SF_CHECK(words.is_object());
  return words;
}

json Reference(std::string_view kind, std::string_view name) {
  return {{"$ref", fmt::format("#/components/{}/{}", kind, name)}};
}

json TypeSchema(std::string_view type) {
  if (const auto bar = type.find('|'); bar != std::string_view::npos) {
    return {{"anyOf", {TypeSchema(type.substr(0, bar)), TypeSchema(type.substr(bar + 1))}}};
  }
  if (type.ends_with('?')) {
    json or_null = {{"anyOf", {TypeSchema(type.substr(0, type.size() - 1)), {{"type", "null"}}}}};
    return or_null;
  }
  const std::string_view inner = type.substr(1, type.size() - 2);
  if (type.starts_with('[')) return {{"type", "array"}, {"items", TypeSchema(inner)}};
  if (type.starts_with('{')) {
    return {{"type", "object"}, {"additionalProperties", TypeSchema(inner)}};
  }
  if (type == "any") return json::object();
  if (type.front() >= 'A' && type.front() <= 'Z') return Reference("schemas", type);
  return {{"type", type}};
}

json Schema(const json& shape);

json ObjectSchema(const json& fields) {
  json properties = json::object();
  json required = json::array();
  for (const auto& [name, shape] : fields.items()) {
    const bool optional = name.ends_with('?');
    const std::string field = optional ? name.substr(0, name.size() - 1) : name;
    properties[field] = Schema(shape);
    if (!optional) required.push_back(field);
  }
  json schema = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

json Schema(const json& shape) {
  if (shape.is_object()) return ObjectSchema(shape);
  if (shape.is_array()) return {{"type", "string"}, {"enum", shape}};
  const auto& text = shape.get_ref<const std::string&>();
  const auto colon = text.find(": ");
  json schema = TypeSchema(std::string_view(text).substr(0, colon));
  if (colon != std::string::npos) schema["description"] = text.substr(colon + 2);
  return schema;
}

/// The example of a shape that is a schema with one, or a list or an object of such.
json ExampleOf(const json& shape) {
  if (!shape.is_string()) return nullptr;
  std::string_view type = shape.get_ref<const std::string&>();
  const char kind = type.front();
  if (kind == '[' || kind == '{') type.remove_prefix(1);
  type = type.substr(0, type.find_first_of("]}|?:"));
  const json& schemas = Words()["schemas"];
  const auto found = schemas.find(std::string(type));
  if (found == schemas.end()) return nullptr;
  const json& example = (*found)["example"];
  if (kind == '[') return json::array({example});
  return kind == '{' ? json({{"name", example}}) : example;
}

/// Whether the name of a route in openapi.json stands for `route`.
bool IsFor(std::string_view name, const Route& route) {
  if (!name.starts_with(route.method + " ")) return false;
  name.remove_prefix(route.method.size() + 1);
  if (!name.starts_with(kAnyObject)) return name == route.pattern;
  return route.pattern.ends_with(name.substr(kAnyObject.size()));
}

/// What openapi.json says of `route`; nothing if it does not know it.
json WordsFor(const Route& route) {
  const json& routes = Words()["routes"];
  for (const bool exact : {true, false}) {
    for (const auto& [name, words] : routes.items()) {
      if (IsFor(name, route) && exact == (name.find(kAnyObject) == std::string::npos)) return words;
    }
  }
  return {{"summary", ""}, {"gives", "any"}};
}

std::vector<std::string> NamesIn(std::string_view pattern) {
  std::vector<std::string> names;
  for (auto at = pattern.find('{'); at != std::string_view::npos; at = pattern.find('{', at + 1)) {
    names.emplace_back(pattern.substr(at + 1, pattern.find('}', at) - at - 1));
  }
  return names;
}

json Parameters(const Route& route, const json& words) {
  json parameters = json::array();
  for (const std::string& name : NamesIn(route.pattern)) {
    parameters.push_back({{"name", name},
                          {"in", "path"},
                          {"required", true},
                          {"description", Words()["parameters"].value(name, "")},
                          {"schema", {{"type", "string"}}}});
  }
  json fields = words.value("query", json::object());
  // See WithQuery().
  if (route.method == "GET" && words.contains("takes")) fields.update(words["takes"]);
  const json query = ObjectSchema(fields);
  for (const auto& [name, schema] : query["properties"].items()) {
    parameters.push_back({{"name", name}, {"in", "query"}, {"schema", schema}});
  }
  return parameters;
}

/// Whether a shape is the media type of what is no JSON.
bool IsMediaType(const json& shape) {
  if (!shape.is_string()) return false;
  const auto& text = shape.get_ref<const std::string&>();
  const auto mark = text.find_first_of("/:");  // Words about a shape come behind a colon.
  return mark != std::string::npos && text[mark] == '/';
}

json Bytes(const json& media_type) {
  return {{media_type.get<std::string>(), {{"schema", {{"type", "string"}}}}}};
}

json RequestBody(const json& words) {
  const json& shape = words["takes"];
  if (IsMediaType(shape)) return {{"required", true}, {"content", Bytes(shape)}};
  json content = {{"schema", Schema(shape)},
                  {"example", words.contains("send") ? words["send"] : ExampleOf(shape)}};
  const bool required =
      content["schema"].contains("$ref") || content["schema"].contains("required");
  return {{"required", required}, {"content", {{"application/json", std::move(content)}}}};
}

json Answer(const json& words) {
  const json& shape = words["gives"];
  if (IsMediaType(shape)) return {{"description", "Done"}, {"content", Bytes(shape)}};
  json content = {{"schema", Schema(shape)},
                  {"example", words.contains("answer") ? words["answer"] : ExampleOf(shape)}};
  return {{"description", "Done"}, {"content", {{"application/json", std::move(content)}}}};
}

/// The answers of a route by their status: those of its own, and those that all of its kind share.
json Answers(const Route& route, const json& words) {
  const bool named = route.pattern.find('{') != std::string::npos;
  std::set<int> errors = words.value("errors", std::set<int>());
  if (named || words.contains("takes")) errors.insert(400);
  if (named) errors.insert(404);
  if (route.access != Access::kPublic) errors.insert({401, 503});
  json answers = {{"200", Answer(words)}};
  for (const int status : errors) {
    answers[std::to_string(status)] = Reference("responses", std::to_string(status));
  }
  return answers;
}

json TagOf(const Route& route) {
  for (const json& tag : Words()["tags"]) {
    if (route.pattern.starts_with(tag["prefix"].get_ref<const std::string&>())) return tag["name"];
  }
  return "service";
}

std::string OperationId(const Route& route) {
  std::string id = route.method + route.pattern;
  std::ranges::transform(id, id.begin(), [](char c) {
    if (c >= 'A' && c <= 'Z') return static_cast<char>(c - 'A' + 'a');
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? c : '_';
  });
  return id;
}

json Operation(const Route& route) {
  const json words = WordsFor(route);
  json operation = {
      {"tags", {TagOf(route)}}, {"summary", words["summary"]}, {"operationId", OperationId(route)}};
  if (json parameters = Parameters(route, words); !parameters.empty()) {
    operation["parameters"] = std::move(parameters);
  }
  if (words.contains("takes")) operation["requestBody"] = RequestBody(words);
  operation["responses"] = Answers(route, words);
  if (route.access == Access::kPublic) operation["security"] = json::array();
  if (route.access == Access::kAdmin)
    operation["security"] = json::array({{{"token", json::array({"system"})}}});
  return operation;
}

json Components() {
  json schemas = json::object();
  for (const auto& [name, words] : Words()["schemas"].items()) {
    schemas[name] = Schema(words["fields"]);
    schemas[name]["examples"] = json::array({words["example"]});
  }
  json responses = json::object();
  for (const auto& [status, words] : Words()["errors"].items()) {
    const json example = {{"error", words}, {"status", std::stoi(status)}};
    const json content = {{"schema", Reference("schemas", "Error")}, {"example", example}};
    responses[status] = {{"description", words}, {"content", {{"application/json", content}}}};
  }
  const json token = {{"type", "http"}, {"scheme", "bearer"}, {"bearerFormat", "JWT"}};
  return {{"schemas", std::move(schemas)},
          {"responses", std::move(responses)},
          {"securitySchemes", {{"token", token}}}};
}

json Tags() {
  json tags = json::array();
  for (const json& tag : Words()["tags"]) {
    if (!tag.contains("description")) continue;
    tags.push_back({{"name", tag["name"]}, {"description", tag["description"]}});
  }
  return tags;
}

}  // namespace

std::string DescribeApi(const std::vector<Route>& routes) {
  json paths = json::object();
  for (const Route& route : routes) {
    std::string method = OperationId({route.method, "", route.access});
    paths[route.pattern][method] = Operation(route);
  }
  const json document = {{"openapi", "3.1.0"},
                         {"info", Words()["info"]},
                         {"servers", {{{"url", "/"}}}},
                         {"security", {{{"token", json::array()}}}},
                         {"tags", Tags()},
                         {"paths", std::move(paths)},
                         {"components", Components()}};
  return document.dump(1);
}

std::vector<std::string> ApiDifferences(const std::vector<Route>& routes) {
  std::vector<std::string> differences;
  const json& known = Words()["routes"];
  for (const Route& route : routes) {
    const bool described = std::ranges::any_of(
        known.items(), [&route](const auto& item) { return IsFor(item.key(), route); });
    if (!described) {
      differences.push_back(
          fmt::format("{} {} is a route and not in node/api/openapi.json: say there what it takes "
                      "and gives",
                      route.method, route.pattern));
    }
  }
  for (const auto& [name, words] : known.items()) {
    const bool is_route = std::ranges::any_of(
        routes, [&name = name](const Route& route) { return IsFor(name, route); });
    if (!is_route) {
      differences.push_back(
          fmt::format("{} is in node/api/openapi.json and is no route: take it out", name));
    }
  }
  return differences;
}

}  // namespace sf::api
