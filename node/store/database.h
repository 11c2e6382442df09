// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

#include "node/base/metrics.h"
#include "node/base/result.h"

namespace sf::store {

/// A value bound to a `?`.
using Parameter = std::variant<std::nullptr_t, std::int64_t, double, std::string>;

/// One row of an answer, its columns by position from 0.
class Row {
 public:
  explicit Row(std::vector<std::optional<std::string>> columns) : columns_(std::move(columns)) {}

  bool IsNull(std::size_t column) const { return !columns_.at(column); }
  const std::string& Text(std::size_t column) const;  ///< "" for NULL
  std::int64_t Integer(std::size_t column) const;     ///< 0 for NULL
  double Real(std::size_t column) const;              ///< 0 for NULL; six decimals

 private:
  std::vector<std::optional<std::string>> columns_;
};

struct DatabaseOptions {
  struct Host {
    std::string name;
    int port = 3306;
  };
  std::vector<Host> hosts;  ///< at least one; tried in order
  std::string user;
  std::string password;
  std::string database;
  std::size_t connections = 8;
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::seconds statement_timeout{5};
  /// How long a call waits for a free connection and for a database that is away.
  std::chrono::milliseconds patience{5000};
};

/// One connection while one thread uses it. Statements are prepared once per connection and take
/// their values bound; no value is ever part of a statement's text.
class Session {
 public:
  class Connection;

  explicit Session(Connection& connection) : connection_(connection) {}

  template <class... Values>
  Result<std::int64_t> Execute(std::string_view sql, Values&&... values) {
    return ExecuteBound(sql, {Bind(std::forward<Values>(values))...});
  }
  template <class... Values>
  Result<std::vector<Row>> Query(std::string_view sql, Values&&... values) {
    return QueryBound(sql, {Bind(std::forward<Values>(values))...});
  }

  /// The number of rows changed: a row that an UPDATE found but left as it was does not count.
  Result<std::int64_t> ExecuteBound(std::string_view sql, const std::vector<Parameter>& values);
  Result<std::vector<Row>> QueryBound(std::string_view sql, const std::vector<Parameter>& values);
  /// For schema files, which are ours and hold no values. Not prepared.
  Result<void> ExecuteScript(std::string_view statement);

 private:
  template <class Value>
  static Parameter Bind(Value&& value) {
    using Plain = std::remove_cvref_t<Value>;
    if constexpr (std::same_as<Plain, Parameter>) {
      return std::forward<Value>(value);
    } else if constexpr (std::integral<Plain>) {
      return static_cast<std::int64_t>(value);
    } else if constexpr (std::floating_point<Plain>) {
      return static_cast<double>(value);
    } else if constexpr (requires { value.value; }) {  // an Id
      return value.value;
    } else {
      return std::string(std::forward<Value>(value));
    }
  }

  Connection& connection_;
};

/// MySQL, through a bounded pool of connections that come back by themselves after the server was
/// away, all on one of its hosts (see ChooseHost()). What finds the server gone is tried again
/// until `patience` is over, unless it may have changed something already, and then fails with
/// kUnavailable; deadlocks are tried again.
///
/// Thread: HTTP or worker (blocks).
class Database {
 public:
  explicit Database(DatabaseOptions options);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  template <class... Values>
  Result<std::vector<Row>> Query(std::string_view sql, Values&&... values) {
    return WithSession<std::vector<Row>>(
        Mode::kSingle, [&](Session& session) { return session.Query(sql, values...); });
  }
  template <class... Values>
  Result<std::int64_t> Execute(std::string_view sql, Values&&... values) {
    return WithSession<std::int64_t>(
        Mode::kSingle, [&](Session& session) { return session.Execute(sql, values...); });
  }

  /// Runs `body` in one transaction, again from its start after a deadlock; so `body` keeps no
  /// state of its own between runs. Rolled back when it returns an error.
  template <class T>
  Result<T> Transaction(const std::function<Result<T>(Session&)>& body) {
    return WithSession<T>(Mode::kTransaction, body);
  }

  /// Runs `body` on one connection outside any transaction: GET_LOCK belongs to a connection. Again
  /// from its start if the connection broke while it had only queried.
  template <class T>
  Result<T> OnOneConnection(const std::function<Result<T>(Session&)>& body) {
    return WithSession<T>(Mode::kSingle, body);
  }

  /// Asks the hosts in order, and uses the first that is ready: an earlier one that is back, or
  /// another when the one in use has fallen silent, which whoever waits for its answer would find
  /// out later. A transaction ends where it has begun. To be called every few seconds, by one
  /// thread at a time; with one host there is nothing to choose.
  void ChooseHost();
  /// Which host is in use, by its place in the options.
  std::size_t host() const;

  /// Sent since the start; the benchmark divides them by what was done.
  std::int64_t statements() const;
  void AddMetrics(Metrics& metrics) const;

 private:
  enum class Mode { kSingle, kTransaction };
  struct Pool;

  template <class T>
  Result<T> WithSession(Mode mode, const std::function<Result<T>(Session&)>& body) {
    std::optional<Result<T>> outcome;
    const Result<void> done = Attempt(mode, [&](Session& session) -> Result<void> {
      outcome = body(session);
      if (!*outcome) return tl::unexpected(outcome->error());
      return {};
    });
    if (!done) return tl::unexpected(done.error());
    return *std::move(outcome);
  }
  Result<void> Attempt(Mode mode, const std::function<Result<void>(Session&)>& body);

  std::unique_ptr<Pool> pool_;
};

/// "`column` is one of `ids`", which join the statement's values.
template <class Id>
std::string AnyOf(std::string_view column, const std::vector<Id>& ids,
                  std::vector<Parameter>& values) {
  std::string marks;
  for (const Id& id : ids) {
    marks += marks.empty() ? "?" : ",?";
    values.emplace_back(id.value);
  }
  return fmt::format("{} IN ({})", column, marks);
}

}  // namespace sf::store
