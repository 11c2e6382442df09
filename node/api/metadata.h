// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "node/api/instance_request.h"
#include "node/api/router.h"

namespace sf::api {

/// The metadata of one object, which the caller may change.
struct MetadataTarget {
  /// Sets `key`, or takes it out if `value` is unset.
  std::function<Result<void>(const std::string& key, const std::optional<nlohmann::json>& value)>
      set;
  Result<void> (*check)(const std::string& key, const nlohmann::json& value);
};

/// The answer to POST …/metadata, and to PUT …/metadata/{key}; the object's own name comes first in
/// the path.
Result<Response> SetMetadata(const MetadataTarget& target, const Call& call);
/// The answer to DELETE …/metadata/{key}.
Result<Response> DeleteMetadata(const MetadataTarget& target, const Call& call);

}  // namespace sf::api
