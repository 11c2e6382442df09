// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/cli/verb.h"

namespace sf::cli {

/// The body of POST /instances, from the arguments of `sf instance create`. Files that they name
/// are read here. kInvalid: what was typed is no specification.
Result<nlohmann::json> InstanceRequest(const Arguments& given);

/// The parameters that it reads.
std::vector<Parameter> InstanceParameters();

/// Likewise for POST /instances/{ref}/interfaces and `sf instance add-interface`.
Result<nlohmann::json> InterfaceRequest(const Arguments& given);
std::vector<Parameter> InterfaceParameters();

}  // namespace sf::cli
