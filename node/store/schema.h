// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "node/base/result.h"
#include "node/store/database.h"

namespace sf::store {

/// The version that this program was written for: the highest number in node/store/schema.
int SchemaVersion();

struct Migration {
  int from = 0;
  int to = 0;
};

/// Brings the schema up to date under a database lock, so that daemons started together take turns.
/// Refuses a schema more than one version newer than this program's: changes add first and take
/// away a version later, so daemons one version apart run side by side, and no others do.
Result<Migration> Migrate(Database& database);

/// `script` cut into statements at each `;` that ends a line, comments left out.
std::vector<std::string> SplitStatements(std::string_view script);

}  // namespace sf::store
