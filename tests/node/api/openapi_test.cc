// SPDX-License-Identifier: Apache-2.0
#include "node/api/openapi.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "images/image_cache.h"
#include "node/api/api.h"
#include "node/base/worker_pool.h"

namespace sf::api {
namespace {

using nlohmann::json;

/// The route table of the daemon. Nothing here connects to anything.
std::vector<Route> RouteTable() {
  store::Store store({}, NodeId("n1"), {});
  store::CurrentPicture rows(store, {});
  compute::Hypervisor hypervisor("test:///default", "cluster");
  WorkerPool workers(1, 1);
  images::ImageCache images("/nowhere", {});
  images::BlobFiles blobs("/nowhere");
  LocalInstances local(NodeId("n1"), "/nowhere", "", store, hypervisor, blobs, workers, {});
  images::UploadFiles uploads("/nowhere", {}, {});
  Metrics metrics;
  ApiOptions options;
  options.self = NodeId("n1");
  options.images = &images;
  options.blobs = &blobs;
  options.uploads = &uploads;
  return Api(store, rows, local, metrics, std::move(options)).routes();
}

json Description() { return json::parse(DescribeApi(RouteTable())); }

/// The value that a local reference like #/a/b stands for; null if there is none.
json Find(const json& document, const std::string& reference) {
  const json::json_pointer place(reference.substr(1));
  return document.contains(place) ? document[place] : json();
}

void CollectReferences(const json& value, std::set<std::string>& references) {
  if (value.is_object() && value.contains("$ref")) references.insert(value["$ref"]);
  if (value.is_structured()) {
    for (const json& part : value) CollectReferences(part, references);
  }
}

std::set<std::string> KeysOf(const json& object) {
  std::set<std::string> keys;
  for (const auto& [key, value] : object.items()) keys.insert(key);
  return keys;
}

/// What is wrong with `value` by `schema`: the part of JSON Schema that openapi.cc makes. Fields
/// that the schema does not know are wrong, too.
std::string WrongBy(const json& document, const json& schema, const json& value) {
  if (schema.contains("$ref")) return WrongBy(document, Find(document, schema["$ref"]), value);
  if (schema.contains("anyOf")) {
    std::string wrong;
    for (const json& one : schema["anyOf"]) {
      wrong = WrongBy(document, one, value);
      if (wrong.empty()) return {};
    }
    return wrong;
  }
  if (!schema.contains("type")) return {};
  const std::string type = schema["type"];
  const std::string is = value.is_number_integer() ? "integer" : value.type_name();
  if (is != type && !(type == "number" && value.is_number()))
    return value.dump() + " is no " + type;
  if (schema.contains("enum") && std::ranges::count(schema["enum"], value) == 0) {
    return value.dump() + " is none of " + schema["enum"].dump();
  }
  for (const auto& [key, part] : value.items()) {
    const json known = schema.value("properties", json::object());
    std::string wrong;
    if (value.is_array()) {
      wrong = WrongBy(document, schema["items"], part);
    } else if (known.contains(key)) {
      wrong = WrongBy(document, known[key], part);
    } else if (schema.contains("additionalProperties")) {
      wrong = WrongBy(document, schema["additionalProperties"], part);
    } else if (schema.contains("properties")) {
      wrong = "it is not in the schema";
    }
    if (value.is_structured() && !wrong.empty()) return key + ": " + wrong;
  }
  for (const json& key : schema.value("required", json::array())) {
    if (!value.contains(key)) return key.get<std::string>() + " is missing";
  }
  return {};
}

}  // namespace

TEST_CASE("OpenAPI: each route is described, and nothing is described that is no route") {
  for (const std::string& difference : ApiDifferences(RouteTable())) FAIL_CHECK(difference);
}

TEST_CASE("OpenAPI: paths and methods are those of the route table") {
  std::set<std::string> table;
  for (const Route& route : RouteTable()) table.insert(route.method + " " + route.pattern);
  std::set<std::string> described;
  const json paths = Description()["paths"];
  for (const auto& [path, item] : paths.items()) {
    for (std::string method : KeysOf(item)) {
      std::ranges::transform(method, method.begin(), ::toupper);
      described.insert(method + " " + path);
    }
  }
  CHECK(described == table);
}

TEST_CASE("OpenAPI: the document is whole, and all that it refers to is in it") {
  const json document = Description();
  CHECK(KeysOf(document) == std::set<std::string>{"components", "info", "openapi", "paths",
                                                  "security", "servers", "tags"});
  std::set<std::string> references;
  CollectReferences(document, references);
  CHECK(references.size() > 20);
  for (const std::string& reference : references) {
    CAPTURE(reference);
    CHECK(!Find(document, reference).is_null());
  }
  for (const auto& [name, schema] : document["components"]["schemas"].items()) {
    CAPTURE(name);
    CHECK(references.contains("#/components/schemas/" + name));
  }
  std::set<std::string> tags;
  for (const json& tag : document["tags"]) tags.insert(tag["name"]);
  std::set<std::string> ids;
  for (const auto& [path, item] : document["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      CAPTURE(path, method);
      CHECK(ids.insert(operation["operationId"]).second);
      CHECK(tags.contains(operation["tags"][0]));
      CHECK(!operation["summary"].get<std::string>().empty());
      for (const json& parameter : operation.value("parameters", json::array())) {
        if (parameter["in"] == "path") CHECK(parameter["description"] != "");
      }
    }
  }
}

TEST_CASE("OpenAPI: every example is one, of what is sent, answered and held") {
  const json document = Description();
  const auto check = [&document](const json& body) {
    for (const auto& [type, content] : body.items()) {
      if (type != "application/json") continue;
      REQUIRE(content.contains("example"));
      CAPTURE(content["example"].dump());
      CHECK(WrongBy(document, content["schema"], content["example"]) == "");
    }
  };
  for (const auto& [path, item] : document["paths"].items()) {
    for (const auto& [method, operation] : item.items()) {
      CAPTURE(path, method);
      check(operation["responses"]["200"]["content"]);
      if (operation.contains("requestBody")) check(operation["requestBody"]["content"]);
    }
  }
  for (const auto& [name, schema] : document["components"]["schemas"].items()) {
    CAPTURE(name);
    CHECK(WrongBy(document, schema, schema["examples"][0]) == "");
  }
}

TEST_CASE("OpenAPI: who may call a route is said as the router decides it") {
  const json paths = Description()["paths"];
  CHECK(paths["/auth"]["post"]["security"] == json::array());
  CHECK(paths["/nodes"]["get"]["security"] == json::parse(R"([{"token": ["system"]}])"));
  CHECK(!paths["/instances"]["get"].contains("security"));
  CHECK(paths["/instances"]["get"]["responses"].contains("401"));
  CHECK(paths["/instances/{ref}"]["get"]["responses"].contains("404"));
}

}  // namespace sf::api
