// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "node/base/metrics.h"
#include "node/store/database.h"

namespace sql {
class Connection;
class PreparedStatement;
}  // namespace sql

namespace sf::store {

/// What a failed statement says about the server.
enum class Failure { kNone, kDeadlock, kServerGone, kFull, kOther };

/// One connection and its prepared statements. Used by one thread at a time.
class Session::Connection {
 public:
  struct Counters {
    Durations statements;  ///< failed ones, too
    Durations connects;
    Count commits = 0;
    Count deadlocks = 0;  ///< and locks that were not to be had in time
    Count gone = 0;       ///< statements, and attempts to connect, that found no server
    Count full = 0;       ///< statements for which it had no room
  };

  explicit Connection(Counters& counters);
  ~Connection();

  Result<void> Open(const DatabaseOptions::Host& host, const DatabaseOptions& options,
                    std::chrono::milliseconds timeout);
  void Close();
  bool open() const { return connection_ != nullptr; }
  /// Open, and still so on the server's side.
  bool Usable();
  /// Whether it is a host of a Galera cluster. kUnavailable if it is one that answers and yet is of
  /// no use: one that is catching up with the others, or is cut off from most of them.
  Result<bool> CheckReady();

  Result<std::int64_t> Execute(std::string_view sql, const std::vector<Parameter>& values);
  Result<std::vector<Row>> Query(std::string_view sql, const std::vector<Parameter>& values);
  Result<void> Script(std::string_view statement);
  Result<void> Begin();
  Result<void> Commit();
  void Rollback();

  Failure last_failure = Failure::kNone;
  bool may_have_changed = false;  ///< a statement that is no query was sent outside a transaction
  std::chrono::steady_clock::time_point last_used;
  int generation = 0;  ///< of the pool, when it was opened

 private:
  struct Prepared;

  /// Throws if it was lost: whoever has a session may not have looked at the last answer.
  sql::Connection& Live() const;
  sql::PreparedStatement& Prepare(std::string_view sql);
  static void Bind(sql::PreparedStatement& statement, const std::vector<Parameter>& values);

  template <class T>
  Result<T> Guarded(const std::function<T()>& body) {
    return Guarded(counters_.statements, body);
  }
  template <class T>
  Result<T> Guarded(Durations& took, const std::function<T()>& body);
  void Note(Failure failure);

  Counters& counters_;
  bool in_transaction_ = false;
  std::unique_ptr<sql::Connection> connection_;
  std::list<Prepared> prepared_;  // Most recently used first.
};

}  // namespace sf::store
