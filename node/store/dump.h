// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "node/base/result.h"
#include "node/store/database.h"

namespace sf::store {

/// What the rows of a dump are of.
struct DumpHead {
  int schema = 0;  ///< its version
  std::string cluster_id;
  std::string taken_at;  ///< by the database's clock, in UTC
};

/// All rows of one moment. Each table is an object, {"table": its name, "columns": their names},
/// and then its rows, arrays of a text or null for each column; bytes are in hexadecimal.
using DumpPart = nlohmann::json;

/// Calls `begin`, then `take` with each part, while nobody waits but daemons that start. Holds a
/// hundred rows in memory at most. kNotFound if the database has no cluster.
///
/// Not the server's own mariadb-dump: its file is a program in SQL, to be run half checked, of
/// which a failure in the middle leaves half a database, as each table that it makes is committed.
/// Here values stay values, tables are made from our own schema, and all rows come by one commit;
/// and nobody needs a client that fits the server, nor to be told a password.
Result<void> Dump(Database& database, const std::function<Result<void>(const DumpHead&)>& begin,
                  const std::function<Result<void>(const DumpPart&)>& take);

/// The reverse: parts until there are no more. Their names must have been checked.
using DumpSource = std::function<Result<std::optional<DumpPart>>()>;

/// Makes the tables of this version of the schema, and fills them by one transaction; until then no
/// daemon can use the database. When it fails, no table is left. kConflict, and nothing is changed,
/// while anybody uses the database, or if it has tables, unless these are to be dropped.
Result<void> Load(Database& database, int schema, bool drop_tables, const DumpSource& next);

}  // namespace sf::store
