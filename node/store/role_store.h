// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "node/base/id.h"
#include "node/base/result.h"
#include "node/store/database.h"

namespace sf::store {

/// The referee of the network-services role: one row that says who holds it, in which term. It is
/// moved on only by compare-and-set, and each time by one term.
///
/// Thread: HTTP or worker (blocks).
class RoleStore {
 public:
  struct Row {
    NodeId holder;  ///< empty: nobody yet
    std::uint64_t term = 0;
    /// Seconds since the holder's heartbeat by the database's clock; none if it has no node row.
    std::optional<double> heartbeat_age = {};
  };

  static constexpr std::string_view kRole = "network-services";

  /// Seconds without a heartbeat after which a holder may be replaced, if gossip agrees. It writes
  /// one every second.
  static constexpr double kHolderSilence = 3;

  explicit RoleStore(Database& database) : database_(database) {}

  Result<Row> Read() const;
  /// `self` becomes holder, in the term after `term`. kConflict if the row is no longer in `term`,
  /// or if its holder still lives by its heartbeat.
  Result<void> Claim(const NodeId& self, std::uint64_t term);
  /// `self`, the holder in `term`, gives it to `to`. kConflict if it is not the holder.
  Result<void> HandOver(const NodeId& self, const NodeId& to, std::uint64_t term);

 private:
  Database& database_;
};

}  // namespace sf::store
