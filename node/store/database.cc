// SPDX-License-Identifier: Apache-2.0
#include "node/store/database.h"

#include <cppconn/connection.h>
#include <cppconn/driver.h>
#include <cppconn/exception.h>
#include <cppconn/prepared_statement.h>
#include <cppconn/resultset.h>
#include <cppconn/resultset_metadata.h>
#include <cppconn/statement.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <list>
#include <thread>

#include "node/base/check.h"

namespace sf::store {
namespace {

using Clock = std::chrono::steady_clock;

// A server allows 16,382 prepared statements in all by default (max_prepared_stmt_count). With this
// many per connection some fifty daemons of eight connections each stay below it.
constexpr std::size_t kPreparedPerConnection = 40;
// A connection unused for longer is asked whether it still lives before it is trusted.
constexpr std::chrono::milliseconds kTrustedIdle{500};
// What a rush has opened is closed so long after it: a connection with its prepared statements
// takes 300 kB here, and one of the few hundred places at the server, which all daemons share.
constexpr std::chrono::seconds kKeptUnused{20};
constexpr std::chrono::milliseconds kRetryPause{100};
constexpr int kDeadlockAttempts = 10;

enum class Failure { kNone, kDeadlock, kServerGone, kOther };

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
    default: return {Code::kInternal, fmt::format("database error {}: {}", number, e.what())};
  }
}

template <class T>
T ParseNumber(const std::string& text) {
  T value{};
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

}  // namespace

const std::string& Row::Text(std::size_t column) const {
  static const std::string kEmpty;
  const auto& value = columns_.at(column);
  return value ? *value : kEmpty;
}
std::int64_t Row::Integer(std::size_t column) const {
  return ParseNumber<std::int64_t>(Text(column));
}
double Row::Real(std::size_t column) const { return ParseNumber<double>(Text(column)); }

/// One connection and its prepared statements. Used by one thread at a time.
class Session::Connection {
 public:
  struct Counters {
    std::atomic<std::int64_t> statements = 0;
    std::atomic<std::int64_t> commits = 0;
  };

  explicit Connection(Counters& counters) : counters_(counters) {}

  Result<void> Open(const DatabaseOptions& options);
  void Close() {
    prepared_.clear();
    connection_.reset();
  }
  /// Open, and still so on the server's side.
  bool Usable();

  Result<std::int64_t> Execute(std::string_view sql, const std::vector<Parameter>& values);
  Result<std::vector<Row>> Query(std::string_view sql, const std::vector<Parameter>& values);
  Result<void> Script(std::string_view statement);
  Result<void> Begin();
  Result<void> Commit();
  void Rollback();

  Failure last_failure = Failure::kNone;
  bool may_have_changed = false;  ///< a statement that is no query was sent outside a transaction
  Clock::time_point last_used;

 private:
  struct Prepared {
    std::string sql;
    std::unique_ptr<sql::PreparedStatement> statement;
  };

  Result<void> OpenOn(const DatabaseOptions::Host& host, const DatabaseOptions& options);
  sql::PreparedStatement& Prepare(std::string_view sql);
  static void Bind(sql::PreparedStatement& statement, const std::vector<Parameter>& values);

  template <class T>
  Result<T> Guarded(const std::function<T()>& body) {
    try {
      ++counters_.statements;
      return body();
    } catch (const sql::SQLException& e) {
      last_failure = Classify(e.getErrorCode());
      if (last_failure == Failure::kServerGone) Close();
      return tl::unexpected(ToError(e));
    } catch (const std::exception& e) {
      last_failure = Failure::kOther;
      return Fail(Code::kInternal, "database error: {}", e.what());
    }
  }

  Counters& counters_;
  bool in_transaction_ = false;
  std::unique_ptr<sql::Connection> connection_;
  std::list<Prepared> prepared_;  // Most recently used first.
};

Result<void> Session::Connection::Open(const DatabaseOptions& options) {
  Error last{Code::kUnavailable, "no database host is configured"};
  for (const DatabaseOptions::Host& host : options.hosts) {
    const Result<void> opened = OpenOn(host, options);
    if (opened) return opened;
    Close();
    last = opened.error();
    last.message = fmt::format("{} ({}:{})", last.message, host.name, host.port);
  }
  last_failure = last.code == Code::kUnavailable ? Failure::kServerGone : Failure::kOther;
  return tl::unexpected(last);
}

Result<void> Session::Connection::OpenOn(const DatabaseOptions::Host& host,
                                         const DatabaseOptions& options) {
  // Whole seconds are all that the connector knows, and the server for its locks.
  const auto seconds = [](auto time) {
    return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(time).count());
  };
  sql::ConnectOptionsMap map;
  map["hostName"] = sql::SQLString(fmt::format("tcp://{}:{}", host.name, host.port));
  map["userName"] = sql::SQLString(options.user);
  map["password"] = sql::SQLString(options.password);
  map["schema"] = sql::SQLString(options.database);
  map["OPT_CONNECT_TIMEOUT"] = seconds(options.connect_timeout);
  map["OPT_READ_TIMEOUT"] = seconds(options.statement_timeout);
  map["OPT_WRITE_TIMEOUT"] = seconds(options.statement_timeout);
  map["OPT_CHARSET_NAME"] = sql::SQLString("utf8mb4");
  map["OPT_SET_CHARSET_NAME"] = sql::SQLString("utf8mb4");
  TRY(Guarded<bool>([&] {
    connection_.reset(get_driver_instance()->connect(map));
    return true;
  }));
  TRY(Script("SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"));
  // The server gives up on a lock before we give up on the server: a statement that we no longer
  // wait for would be carried out after its caller was told that it was not.
  TRY(
      Script(fmt::format("SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
                         " group_concat_max_len = 1048576, innodb_lock_wait_timeout = {}",
                         seconds(std::min<std::chrono::milliseconds>(
                             options.patience, options.statement_timeout / 2)))));
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

sql::PreparedStatement& Session::Connection::Prepare(std::string_view sql) {
  const auto found = std::find_if(prepared_.begin(), prepared_.end(),
                                  [&](const Prepared& entry) { return entry.sql == sql; });
  if (found != prepared_.end()) {
    prepared_.splice(prepared_.begin(), prepared_, found);
  } else {
    if (prepared_.size() >= kPreparedPerConnection) prepared_.pop_back();
    prepared_.push_front(
        {std::string(sql), std::unique_ptr<sql::PreparedStatement>(connection_->prepareStatement(
                               sql::SQLString(sql.data(), sql.size())))});
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
  may_have_changed |= !in_transaction_;
  return Guarded<std::int64_t>([&] {
    sql::PreparedStatement& statement = Prepare(sql);
    Bind(statement, values);
    const auto changed = static_cast<std::int64_t>(statement.executeUpdate());
    if (!in_transaction_) ++counters_.commits;
    return changed;
  });
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
    const std::unique_ptr<sql::Statement> plain(connection_->createStatement());
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
  if (last_failure != Failure::kServerGone) return done;
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

Result<std::int64_t> Session::ExecuteBound(std::string_view sql,
                                           const std::vector<Parameter>& values) {
  return connection_.Execute(sql, values);
}
Result<std::vector<Row>> Session::QueryBound(std::string_view sql,
                                             const std::vector<Parameter>& values) {
  return connection_.Query(sql, values);
}
Result<void> Session::ExecuteScript(std::string_view statement) {
  connection_.may_have_changed = true;
  return connection_.Script(statement);
}

struct Database::Pool {
  explicit Pool(DatabaseOptions opts) : options(std::move(opts)) {
    for (std::size_t i = 0; i < options.connections; ++i) {
      all.push_back(std::make_unique<Session::Connection>(counters));
      idle.push_back(all.back().get());
    }
  }

  /// Waits until `deadline`; nullptr when all connections stayed busy.
  Session::Connection* Borrow(Clock::time_point deadline) {
    std::unique_lock lock(mutex);
    if (!returned.wait_until(lock, deadline, [this] { return !idle.empty(); })) return nullptr;
    // The most recently used one: it is the likeliest to be open, and the rest can stay closed.
    Session::Connection* connection = idle.back();
    idle.pop_back();
    return connection;
  }
  void Return(Session::Connection* connection) {
    const Clock::time_point now = connection->last_used = Clock::now();
    {
      const std::lock_guard lock(mutex);
      idle.push_back(connection);
      for (Session::Connection* each : idle) {
        if (now - each->last_used > kKeptUnused) each->Close();
      }
    }
    returned.notify_one();
  }

  const DatabaseOptions options;
  Session::Connection::Counters counters;
  std::vector<std::unique_ptr<Session::Connection>> all;
  std::mutex mutex;  // guards idle
  std::condition_variable returned;
  std::deque<Session::Connection*> idle;
};

Database::Database(DatabaseOptions options) : pool_(std::make_unique<Pool>(std::move(options))) {
  // The driver's first use initialises a library; later uses may then come from any thread.
  get_driver_instance();
}
Database::~Database() = default;

std::int64_t Database::statements() const { return pool_->counters.statements; }
std::int64_t Database::commits() const { return pool_->counters.commits; }

Result<void> Database::Attempt(Mode mode, const std::function<Result<void>(Session&)>& body) {
  const Clock::time_point deadline = Clock::now() + pool_->options.patience;
  Session::Connection* const connection = pool_->Borrow(deadline);
  if (connection == nullptr) {
    return Fail(Code::kUnavailable, "all {} database connections are busy",
                pool_->options.connections);
  }
  Result<void> done;
  for (int attempt = 1;; ++attempt) {
    connection->last_failure = Failure::kNone;
    connection->may_have_changed = false;
    // A lost server can be waited for while nothing can have changed: before anything was sent,
    // after queries, and inside a transaction, which was not committed. A lone statement that was
    // cut off may have been carried out, and is not sent twice.
    done = connection->Usable() ? Result<void>{} : connection->Open(pool_->options);
    if (done && mode == Mode::kTransaction) done = connection->Begin();
    if (done) {
      Session session(*connection);
      done = body(session);
      if (done && mode == Mode::kTransaction) done = connection->Commit();
    }
    if (done) break;
    const Failure failure = connection->last_failure;
    if (mode == Mode::kTransaction) connection->Rollback();
    const bool gone = failure == Failure::kServerGone && !connection->may_have_changed;
    const bool deadlock = failure == Failure::kDeadlock && attempt < kDeadlockAttempts;
    if (!gone && !deadlock) break;
    if (Clock::now() + kRetryPause >= deadline) break;
    std::this_thread::sleep_for(deadlock ? kRetryPause / 10 : kRetryPause);
  }
  pool_->Return(connection);
  return done;
}

}  // namespace sf::store
