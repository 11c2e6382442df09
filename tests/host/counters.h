// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdint>
#include <utility>

#include "node/store/database.h"
#include "tests/host/test_store.h"

namespace sf::test {

/// A database with a table of counters: name and value.
struct Counters : store::Database {
  explicit Counters(store::DatabaseOptions options) : Database(std::move(options)) {
    REQUIRE(
        Execute("CREATE TABLE IF NOT EXISTS counters (name VARCHAR(20) PRIMARY KEY,"
                " value BIGINT NOT NULL) CHARACTER SET utf8mb4"));
    REQUIRE(Execute("INSERT IGNORE INTO counters VALUES ('a', 0), ('b', 0)"));
  }
  std::int64_t Value(const char* name) {
    return Query("SELECT value FROM counters WHERE name = ?", name).value().at(0).Integer(0);
  }
};

inline constexpr char kIncrement[] = "UPDATE counters SET value = value + 1 WHERE name = ?";

inline store::DatabaseOptions Fresh(std::chrono::milliseconds patience = std::chrono::seconds(5),
                                    std::size_t connections = 8) {
  store::DatabaseOptions options = SharedMariaDb().FreshDatabase();
  options.patience = patience;
  options.connections = connections;
  return options;
}

}  // namespace sf::test
