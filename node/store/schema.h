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

/// As a database lock; belongs to the connection.
Result<void> LockSchema(Session& session);
void UnlockSchema(Session& session);

/// Runs `body` on one connection while no daemon migrates the schema; one that starts waits.
template <class T>
Result<T> WithSchemaLocked(Database& database, const std::function<Result<T>(Session&)>& body) {
  return database.OnOneConnection<T>([&](Session& session) -> Result<T> {
    TRY(LockSchema(session));
    auto done = body(session);
    UnlockSchema(session);
    return done;
  });
}

/// The tables as `version` had them, in a database that has none. Which version it is is not
/// recorded: until it is, daemons take this for a migration that was cut off, and refuse it.
Result<void> MakeTables(Session& session, int version);

/// `script` cut into statements at each `;` that ends a line, comments left out.
std::vector<std::string> SplitStatements(std::string_view script);

}  // namespace sf::store
