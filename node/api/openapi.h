// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "node/api/router.h"

namespace sf::api {

/// The OpenAPI 3.1 description of `routes`, as JSON. What a path is, who may call it and which
/// errors all have comes from the routes themselves, so that it cannot drift; the words, shapes and
/// examples come from openapi.json, which is compiled in. Pure.
std::string DescribeApi(const std::vector<Route>& routes);

/// How openapi.json and `routes` differ: each line names a route that is in one of them only, and
/// what to do about it.
std::vector<std::string> ApiDifferences(const std::vector<Route>& routes);

}  // namespace sf::api
