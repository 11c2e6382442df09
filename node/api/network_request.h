// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "node/api/auth.h"
#include "node/base/result.h"
#include "node/model/interface.h"
#include "node/model/network.h"

namespace sf::api {

/// Reads the body of POST /networks into a network without UUID, VNI or floating gateway. kInvalid
/// names the field; kUnauthorized for a namespace of somebody else.
Result<Network> ParseNetworkRequest(const nlohmann::json& body, const Caller& caller);

/// Reads one interface, which messages call `where`; its network is still to be looked up.
Result<InterfaceSpec> ParseInterfaceSpec(const nlohmann::json& entry, const std::string& where);

/// Reads `network` of the body of POST /instances; the networks are still to be looked up.
Result<std::vector<InterfaceSpec>> ParseInterfaceSpecs(const nlohmann::json& body);

}  // namespace sf::api
