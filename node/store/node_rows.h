// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "node/model/node_record.h"
#include "node/store/database.h"

namespace sf::store {

/// All nodes but deleted ones, by name; with what their instances use, which is summed up from the
/// row of each, or without.
Result<std::vector<NodeRecord>> SelectNodes(Database& database, bool with_use);

}  // namespace sf::store
