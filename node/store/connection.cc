// SPDX-License-Identifier: Apache-2.0
#include "node/store/connection.h"

#include <cppconn/connection.h>
#include <cppconn/driver.h>
#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>
#include <cppconn/resultset_metadata.h>
#include <cppconn/statement.h>

#include <algorithm>
#include <utility>

namespace sf::store {
namespace {

using Clock = std::chrono::steady_clock;

// A server allows 16,382 prepared statements in all by default (max_prepared_stmt_count). With this
// many per connection some fifty daemons of eight connections each stay below it.
constexpr std::size_t kPreparedPerConnection = 40;
// A connection unused for longer is asked whether it still lives before it is trusted.
constexpr std::chrono::milliseconds kTrustedIdle{500};
// The server closes what is idle for longer.
constexpr std::chrono::seconds kIdleLimit{30};

Failure Classify(int error) {
  switch (error) {
    case 1205:  // lock wait timeout
    case 1213:  // deadlock
      return Failure::kDeadlock;
    case 1040:  // too many connections
    case 1047:  // Galera: not ready
    case 1053:  // server shutdown in progress
    case 1290:  // read-only
    case 1927:  // connection was killed
    case 2002:  // cannot connect
    case 2003:
    case 2005:  // unknown host
    case 2006:  // gone away
    case 2013:  // lost during query
    case 2055: return Failure::kServerGone;
    case 3:  // error writing a file
    case 20:
    case 1021:  // disk full
    case 1026:  // error writing a file
    case 1030:  // the storage engine's own error, such as ENOSPC
    case 1114:  // the table is full: InnoDB's word for the disk
      return Failure::kFull;
    default: return Failure::kOther;
  }
}

Error ToError(const sql::SQLException& e) {
  constexpr int kDuplicateKey = 1062;
  const int number = e.getErrorCode();
  if (number == kDuplicateKey) return {Code::kConflict, e.what()};
  switch (Classify(number)) {
    case Failure::kServerGone:
      return {Code::kUnavailable, fmt::format("the database does not answer: {}", e.what())};
    case Failure::kDeadlock:
      return {Code::kUnavailable, fmt::format("the database is too busy: {}", e.what())};
    case Failure::kFull:
      return {Code::kUnavailable, fmt::format("the database cannot write: {}", e.what())};
    default: return {Code::kInternal, fmt::format("database error {}: {}", number, e.what())};
  }
}

}  // namespace

struct Session::Connection::Prepared {
  std::string sql;
  std::unique_ptr<sql::PreparedStatement> statement;
};

template <class T>
Result<T> Session::Connection::Guarded(Durations& took, const std::function<T()>& body) {
  const Stopwatch watch(took);
  try {
    return body();
  } catch (const sql::SQLException& e) {
    Note(Classify(e.getErrorCode()));
    if (last_failure == Failure::kServerGone) Close();
    return tl::unexpected(ToError(e));
  } catch (const std::exception& e) {
    last_failure = Failure::kOther;
    return Fail(Code::kInternal, "database error: {}", e.what());
  }
}

void Session::Connection::Note(Failure failure) {
  last_failure = failure;
  if (failure == Failure::kDeadlock) ++counters_.deadlocks;
  if (failure == Failure::kServerGone) ++counters_.gone;
  if (failure == Failure::kFull) ++counters_.full;
}

Session::Connection::Connection(Counters& counters) : counters_(counters) {
  // The driver's first use initialises a library; later uses may then come from any thread.
  get_driver_instance();
}
Session::Connection::~Connection() = default;

void Session::Connection::Close() {
  prepared_.clear();
  connection_.reset();
}

Result<void> Session::Connection::Open(const DatabaseOptions::Host& host,
                                       const DatabaseOptions& options,
                                       std::chrono::milliseconds timeout) {
  Close();
  last_failure = Failure::kNone;
  // Whole seconds are all that the connector knows, and the server for its locks.
  const auto seconds = [](auto time) {
    return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(time).count());
  };
  const auto most =
      std::min<std::chrono::milliseconds>(options.patience, options.statement_timeout);
  sql::ConnectOptionsMap map;
  map["hostName"] = sql::SQLString(fmt::format("tcp://{}:{}", host.name, host.port));
  map["userName"] = sql::SQLString(options.user);
  map["password"] = sql::SQLString(options.password);
  map["schema"] = sql::SQLString(options.database);
  map["OPT_CONNECT_TIMEOUT"] = seconds(timeout);
  map["OPT_READ_TIMEOUT"] = seconds(most);
  map["OPT_WRITE_TIMEOUT"] = seconds(most);
  map["OPT_CHARSET_NAME"] = sql::SQLString("utf8mb4");
  map["OPT_SET_CHARSET_NAME"] = sql::SQLString("utf8mb4");
  TRY(Guarded<bool>(counters_.connects, [&] {
    connection_.reset(get_driver_instance()->connect(map));
    return true;
  }));
  TRY(Script("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"));
  // The server gives up on a lock before we give up on the server: a statement that we no longer
  // wait for would be carried out after its caller was told that it was not.
  //
  // A client that loses its power, or is cut off, in a transaction says no good-bye: its locks
  // would hold up all others until the server misses it, by default hours later. MariaDB alone has
  // a limit for that, between M! and the end; MySQL has only the one for whatever is idle.
  TRY(Script(
      fmt::format("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
                  " time_zone = '+00:00', group_concat_max_len = 1048576,"
                  " innodb_lock_wait_timeout = {0}, lock_wait_timeout = {0}, wait_timeout = {1},"
                  " net_read_timeout = {2}, net_write_timeout = {2}"
                  " /*M!100300 , idle_transaction_timeout = {3} */",
                  seconds(most / 2), kIdleLimit.count(), seconds(most), seconds(2 * most))));
  // Around a switch, daemons are on two hosts for some seconds. What one of them was acknowledged
  // there has been received here, and may be waiting to be carried out: nobody shall read, change
  // or add something as if it was not there.
  if (options.hosts.size() > 1 && TRY(CheckReady())) {
    TRY(Script("SET SESSION wsrep_sync_wait = 7"));
  }
  last_used = Clock::now();
  return {};
}

bool Session::Connection::Usable() {
  if (!connection_) return false;
  if (Clock::now() - last_used < kTrustedIdle) return true;
  try {
    if (connection_->isValid()) return true;
  } catch (const std::exception&) {
    // Not valid, then.
  }
  Close();
  return false;
}

Result<bool> Session::Connection::CheckReady() {
  last_failure = Failure::kNone;
  const auto galera = TRY(Query("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'", {}));
  if (galera.empty() || galera[0].Text(1) != "ON") return false;
  const auto ready = TRY(Query("SHOW GLOBAL STATUS LIKE 'wsrep_ready'", {}));
  if (!ready.empty() && ready[0].Text(1) == "ON") return true;
  last_failure = Failure::kServerGone;
  Close();
  return Fail(Code::kUnavailable, "the database does not answer: it is not ready there");
}

sql::Connection& Session::Connection::Live() const {
  constexpr int kLost = 2013;
  if (!connection_) throw sql::SQLException("the connection was lost", "08S01", kLost);
  return *connection_;
}

sql::PreparedStatement& Session::Connection::Prepare(std::string_view sql) {
  const auto found = std::find_if(prepared_.begin(), prepared_.end(),
                                  [&](const Prepared& entry) { return entry.sql == sql; });
  if (found != prepared_.end()) {
    prepared_.splice(prepared_.begin(), prepared_, found);
  } else {
    if (prepared_.size() >= kPreparedPerConnection) prepared_.pop_back();
    prepared_.push_front(
        {std::string(sql), std::unique_ptr<sql::PreparedStatement>(
                               Live().prepareStatement(sql::SQLString(sql.data(), sql.size())))});
  }
  return *prepared_.front().statement;
}

void Session::Connection::Bind(sql::PreparedStatement& statement,
                               const std::vector<Parameter>& values) {
  unsigned int position = 0;
  for (const Parameter& value : values) {
    ++position;
    if (const auto* text = std::get_if<std::string>(&value)) {
      statement.setString(position, sql::SQLString(text->data(), text->size()));
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      statement.setInt64(position, *integer);
    } else if (const auto* real = std::get_if<double>(&value)) {
      statement.setDouble(position, *real);
    } else {
      statement.setNull(position, 0);
    }
  }
}

Result<std::int64_t> Session::Connection::Execute(std::string_view sql,
                                                  const std::vector<Parameter>& values) {
  const bool before = std::exchange(may_have_changed, may_have_changed || !in_transaction_);
  auto done = Guarded<std::int64_t>([&] {
    sql::PreparedStatement& statement = Prepare(sql);
    Bind(statement, values);
    const auto changed = static_cast<std::int64_t>(statement.executeUpdate());
    if (!in_transaction_) ++counters_.commits;
    return changed;
  });
  // Who was refused a lock has changed nothing.
  if (!done && last_failure == Failure::kDeadlock) may_have_changed = before;
  return done;
}

Result<std::vector<Row>> Session::Connection::Query(std::string_view sql,
                                                    const std::vector<Parameter>& values) {
  return Guarded<std::vector<Row>>([&] {
    sql::PreparedStatement& statement = Prepare(sql);
    Bind(statement, values);
    const std::unique_ptr<sql::ResultSet> result(statement.executeQuery());
    const unsigned int columns = result->getMetaData()->getColumnCount();
    std::vector<Row> rows;
    rows.reserve(result->rowsCount());
    while (result->next()) {
      std::vector<std::optional<std::string>> row(columns);
      for (unsigned int i = 0; i < columns; ++i) {
        const sql::SQLString text = result->getString(i + 1);
        if (!result->wasNull()) row[i] = text.asStdString();
      }
      rows.emplace_back(std::move(row));
    }
    return rows;
  });
}

Result<void> Session::Connection::Script(std::string_view statement) {
  const Result<bool> done = Guarded<bool>([&] {
    const std::unique_ptr<sql::Statement> plain(Live().createStatement());
    return plain->execute(sql::SQLString(statement.data(), statement.size()));
  });
  if (!done) return tl::unexpected(done.error());
  return {};
}

Result<void> Session::Connection::Begin() {
  in_transaction_ = true;
  return Script("START TRANSACTION");
}

Result<void> Session::Connection::Commit() {
  in_transaction_ = false;
  const Result<void> done = Script("COMMIT");
  if (done) {
    ++counters_.commits;
    return {};
  }
  if (last_failure == Failure::kDeadlock) return done;
  // The server may have committed before the connection broke, and nothing can tell. So it is not
  // tried again: whoever asked reads the row, as after any crash.
  last_failure = Failure::kOther;
  return Fail(Code::kUnavailable,
              "the database was lost during a commit; the change may or may not have been made");
}

void Session::Connection::Rollback() {
  in_transaction_ = false;
  if (!connection_) return;
  if (!Script("ROLLBACK")) Close();
}

}  // namespace sf::store
