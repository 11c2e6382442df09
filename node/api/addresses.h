// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "node/model/interface.h"
#include "node/model/network.h"

namespace sf::api {

/// Who has which address of the block of `network`, and which outside lead to it: entries as
/// clients of the contract read them. For the built-in network, all that are taken of its own, so
/// `networks` and `interfaces` are then those of the whole cluster, and otherwise those of
/// `network`. Pure.
nlohmann::json AddressesOf(const Network& network, const std::vector<Network>& networks,
                           const std::vector<Interface>& interfaces);

}  // namespace sf::api
