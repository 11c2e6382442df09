// SPDX-License-Identifier: Apache-2.0
#include "node/store/schema.h"

#include <algorithm>

#include "node/store/schema_files.h"

namespace sf::store {
namespace {

constexpr int kLockWaitSeconds = 60;

constexpr char kVersionTable[] =
    "CREATE TABLE IF NOT EXISTS schema_version (version INT NOT NULL PRIMARY KEY,"
    " applied_at DOUBLE NOT NULL)";

Result<int> StoredVersion(Session& session) {
  TRY(session.ExecuteScript(kVersionTable));
  const auto rows = TRY(session.Query("SELECT COALESCE(MAX(version), 0) FROM schema_version"));
  return static_cast<int>(rows.at(0).Integer(0));
}

// A statement that changes a schema commits by itself in MySQL, so a version is no transaction. It
// is recorded last; one that was cut off half way is finished by hand, and the error says where.
Result<void> Apply(Session& session, const SchemaFile& file) {
  for (const std::string& statement : SplitStatements(file.text)) {
    if (const auto done = session.ExecuteScript(statement); !done) {
      return Fail(done.error().code, "schema version {}: {} (in: {:.80})", file.version,
                  done.error().message, statement);
    }
  }
  return {};
}

Result<Migration> MigrateLocked(Session& session) {
  Migration migration;
  migration.from = TRY(StoredVersion(session));
  migration.to = std::max(migration.from, SchemaVersion());
  if (migration.from > SchemaVersion() + 1) {
    return Fail(
        Code::kConflict,
        "the database's schema is version {}, and this sf-node knows version {}: at most one"
        " version newer can be used; upgrade this sf-node",
        migration.from, SchemaVersion());
  }
  for (const SchemaFile& file : kSchemaFiles) {
    if (file.version <= migration.from) continue;
    TRY(Apply(session, file));
    TRY(session.Execute("INSERT INTO schema_version VALUES (?, UNIX_TIMESTAMP(NOW(6)))",
                        file.version));
  }
  return migration;
}

}  // namespace

int SchemaVersion() {
  int newest = 0;
  for (const SchemaFile& file : kSchemaFiles) newest = std::max(newest, file.version);
  return newest;
}

Result<Migration> Migrate(Database& database) {
  return WithSchemaLocked<Migration>(database, MigrateLocked);
}

// In steps of a second, each well within the time that a connection gives one statement. The lock's
// name carries the database's, as such locks belong to the whole server.
Result<void> LockSchema(Session& session) {
  for (int waited = 0; waited < kLockWaitSeconds; ++waited) {
    const auto locked =
        TRY(session.Query("SELECT GET_LOCK(CONCAT('sf-migrate-', SHA1(DATABASE())), 1)"));
    if (locked.at(0).Integer(0) == 1) return {};
  }
  return Fail(Code::kUnavailable,
              "another daemon has been migrating the schema, or a backup reading it, for {} s",
              kLockWaitSeconds);
}

void UnlockSchema(Session& session) {
  // If this fails the connection is gone, and the lock with it.
  (void)session.Query("SELECT RELEASE_LOCK(CONCAT('sf-migrate-', SHA1(DATABASE())))");
}

Result<void> MakeTables(Session& session, int version) {
  TRY(session.ExecuteScript(kVersionTable));
  for (const SchemaFile& file : kSchemaFiles) {
    if (file.version <= version) TRY(Apply(session, file));
  }
  return {};
}

std::vector<std::string> SplitStatements(std::string_view script) {
  std::vector<std::string> statements;
  std::string statement;
  while (!script.empty()) {
    const std::size_t end = script.find('\n');
    std::string_view line = script.substr(0, end);
    script.remove_prefix(end == std::string_view::npos ? script.size() : end + 1);
    if (const std::size_t text = line.find_first_not_of(" \t");
        text == std::string_view::npos || line.substr(text).starts_with("--")) {
      continue;
    }
    const bool last = line.back() == ';';
    if (last) line.remove_suffix(1);
    statement.append(line).push_back('\n');
    if (last) statements.push_back(std::exchange(statement, {}));
  }
  if (!statement.empty()) statements.push_back(std::move(statement));
  return statements;
}

}  // namespace sf::store
