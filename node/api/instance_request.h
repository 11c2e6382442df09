// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "node/api/auth.h"
#include "node/base/result.h"
#include "node/model/instance.h"

namespace sf::api {

/// Reads the body of POST /instances into an instance without node, ports or UUID: everything that
/// can be judged without asking the database; so the networks of its interfaces are mere names.
/// kInvalid names the field; kNotFound for what it
/// refers to and does not exist.
Result<Instance> ParseInstanceRequest(const nlohmann::json& body, const Caller& caller);

/// The checks on one entry of an instance's metadata: `tags` and `affinity` have a fixed shape.
Result<void> CheckInstanceMetadata(const std::string& key, const nlohmann::json& value);

/// The checks on one entry of anything's metadata.
Result<void> CheckMetadata(const std::string& key, const nlohmann::json& value);

}  // namespace sf::api
