// SPDX-License-Identifier: Apache-2.0
#include "node/store/database.h"

#include <algorithm>
#include <charconv>
#include <thread>

#include "node/base/log.h"
#include "node/store/connection.h"

namespace sf::store {
namespace {

using Clock = std::chrono::steady_clock;

// What a rush has opened is closed so long after it: a connection with its prepared statements
// takes 300 kB here, and one of the few hundred places at the server, which all daemons share.
constexpr std::chrono::seconds kKeptUnused{20};
constexpr std::chrono::milliseconds kRetryPause{100};
constexpr int kDeadlockAttempts = 10;

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
    for (std::size_t i = 0; i < options.hosts.size(); ++i) {
      checks.push_back(std::make_unique<Session::Connection>(counters));
    }
  }

  /// Waits until `deadline`; nullptr when all connections stayed busy.
  Session::Connection* Borrow(Clock::time_point deadline) {
    std::unique_lock lock(mutex);
    if (idle.empty()) ++waits;
    if (!returned.wait_until(lock, deadline, [this] { return !idle.empty(); })) {
      ++timeouts;
      return nullptr;
    }
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

  /// Opens it on the host that is in use, or on the first that is ready, which then is: all that
  /// this daemon writes goes to one of them.
  Result<void> Connect(Session::Connection& connection, Clock::time_point deadline) {
    const int as_of = generation;  // Before the host, so that it is never newer than that.
    const std::size_t in_use = host;
    Result<void> opened = Open(connection, in_use, deadline);
    if (opened) connection.generation = as_of;
    for (std::size_t i = 0; !opened && i < options.hosts.size(); ++i) {
      if (i == in_use || connection.last_failure != Failure::kServerGone) continue;
      opened = Open(connection, i, deadline);
      if (!opened) continue;
      connection.generation = as_of;
      if (Use(i)) Distrust(connection);
    }
    return opened;
  }
  /// Whether it was another until now.
  bool Use(std::size_t which) {
    const std::size_t before = host.exchange(which);
    if (before == which) return false;
    log::Warn("the database is used on another host host={} before={}", Name(which), Name(before));
    return true;
  }
  std::size_t InUse() const {
    const std::lock_guard lock(mutex);
    return all.size() - idle.size();
  }
  std::string Name(std::size_t which) const {
    const DatabaseOptions::Host& named = options.hosts.at(which);
    return fmt::format("{}:{}", named.name, named.port);
  }
  Result<void> Open(Session::Connection& connection, std::size_t which,
                    Clock::time_point deadline) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) {
      connection.last_failure = Failure::kServerGone;
      return Fail(Code::kUnavailable, "the database does not answer ({})", Name(which));
    }
    const Result<void> opened =
        connection.Open(options.hosts.at(which), options, std::min(left, options.connect_timeout));
    if (opened) return {};
    return Fail(opened.error().code, "{} ({})", opened.error().message, Name(which));
  }
  /// It failed, or is on another host than the rest: those that are as old are opened anew before
  /// they are used again. To ask each whether it still lives would take a whole timeout when the
  /// server is frozen.
  void Distrust(Session::Connection& connection) {
    int of_it = connection.generation;
    if (generation.compare_exchange_strong(of_it, of_it + 1)) ++connection.generation;
  }

  /// By a connection that is kept for this.
  bool Ready(std::size_t which) {
    Session::Connection& check = *checks.at(which);
    if (check.open() && check.CheckReady()) return true;
    DatabaseOptions quick = options;
    quick.statement_timeout = std::chrono::ceil<std::chrono::seconds>(options.connect_timeout);
    return check.Open(options.hosts.at(which), quick, options.connect_timeout).has_value();
  }

  const DatabaseOptions options;
  Session::Connection::Counters counters;
  std::vector<std::unique_ptr<Session::Connection>> all;
  std::vector<std::unique_ptr<Session::Connection>> checks;  // one to each host
  Clock::time_point chosen_at;        // It and the checks are ChooseHost()'s.
  std::atomic<std::size_t> host = 0;  ///< in use
  std::atomic<int> generation = 0;
  Count waits = 0;           ///< for a connection
  Count timeouts = 0;        ///< of these
  mutable std::mutex mutex;  // guards idle
  std::condition_variable returned;
  std::deque<Session::Connection*> idle;
};

Database::Database(DatabaseOptions options) : pool_(std::make_unique<Pool>(std::move(options))) {}
Database::~Database() = default;

void Database::ChooseHost() {
  const std::size_t hosts = pool_->options.hosts.size();
  // Calls that had to wait for one another ask once.
  if (hosts == 1 || Clock::now() - pool_->chosen_at < kRetryPause) return;
  for (std::size_t i = 0; i < hosts; ++i) {
    if (!pool_->Ready(i)) continue;
    if (pool_->Use(i)) ++pool_->generation;
    break;
  }
  pool_->chosen_at = Clock::now();
}
std::size_t Database::host() const { return pool_->host; }
std::int64_t Database::statements() const {
  return static_cast<std::int64_t>(pool_->counters.statements.count());
}

void Database::AddMetrics(Metrics& metrics) const {
  const Pool& pool = *pool_;
  metrics.Histogram("shakenfist_database_statement_seconds",
                    "Time that each statement took, with the way to the database and back.",
                    pool.counters.statements);
  metrics.Histogram("shakenfist_database_connect_seconds",
                    "Time that each attempt to connect to the database took.",
                    pool.counters.connects);
  metrics.Counter("shakenfist_database_commits_total", "Changes committed by the database.",
                  pool.counters.commits);
  metrics.Counter("shakenfist_database_failures_total",
                  "Statements, and attempts to connect, that the database failed; those that met a "
                  "deadlock, as a rule, are made again.",
                  "reason",
                  {{"deadlock", pool.counters.deadlocks},
                   {"gone", pool.counters.gone},
                   {"full", pool.counters.full}});
  metrics.Gauge("shakenfist_database_connections_in_use", "Connections that somebody uses now.",
                [&pool] { return static_cast<double>(pool.InUse()); });
  metrics.Gauge("shakenfist_database_connections_limit", "Connections that there may be.",
                [&pool] { return static_cast<double>(pool.options.connections); });
  metrics.Counter("shakenfist_database_connection_waits_total",
                  "Calls that had to wait for a connection, as all were in use.", pool.waits);
  metrics.Counter("shakenfist_database_connection_timeouts_total",
                  "Those of them that waited in vain.", pool.timeouts);
  for (std::size_t i = 0; i < pool.options.hosts.size(); ++i) {
    metrics.Gauge("shakenfist_database_host_in_use",
                  "Which host of SQL_URL this node reads and writes.",
                  [&pool, i] { return pool.host == i ? 1.0 : 0.0; }, {{"host", pool.Name(i)}});
  }
}

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
    const bool trusted = connection->generation == pool_->generation;
    done = trusted && connection->Usable() ? Result<void>{} : pool_->Connect(*connection, deadline);
    if (done && mode == Mode::kTransaction) done = connection->Begin();
    if (done) {
      Session session(*connection);
      done = body(session);
      if (done && mode == Mode::kTransaction) done = connection->Commit();
    }
    if (done) break;
    const Failure failure = connection->last_failure;
    if (mode == Mode::kTransaction) connection->Rollback();
    if (failure == Failure::kServerGone) pool_->Distrust(*connection);
    const bool gone = failure == Failure::kServerGone;
    const bool deadlock = failure == Failure::kDeadlock && attempt < kDeadlockAttempts;
    if ((!gone && !deadlock) || connection->may_have_changed) break;
    if (Clock::now() + kRetryPause >= deadline) break;
    std::this_thread::sleep_for(deadlock ? kRetryPause / 10 : kRetryPause);
  }
  pool_->Return(connection);
  return done;
}

}  // namespace sf::store
