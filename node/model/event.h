// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace sf {

/// One line of an object's history, as its owner sees it.
struct Event {
  std::string object_type = {};  ///< instance, artifact, node, namespace
  std::string object = {};       ///< UUID or name
  std::string type = "audit";    ///< audit, mutate, status, usage, resources, prune, historic
  std::string message = {};
  nlohmann::json extra = nlohmann::json::object();
  std::optional<double> duration_s = {};
  std::string node = {};  ///< who wrote it; the store fills it in
  double timestamp = 0;   ///< the store fills it in, by the database's clock
};

}  // namespace sf
