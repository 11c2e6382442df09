// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "node/model/artifact.h"
#include "node/model/event.h"
#include "node/model/instance.h"
#include "node/model/namespace.h"
#include "node/model/node_record.h"

namespace sf::api {

// Records as clients of the contract read them. Pure.

nlohmann::json View(const Instance& instance);
nlohmann::json View(const Artifact& artifact);
nlohmann::json View(const Namespace& space);
nlohmann::json View(const NodeRecord& node);
nlohmann::json View(const Event& event);

template <class T>
nlohmann::json ViewAll(const std::vector<T>& all) {
  nlohmann::json list = nlohmann::json::array();
  for (const T& one : all) list.push_back(View(one));
  return list;
}

}  // namespace sf::api
