// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "node/model/event.h"
#include "node/store/database.h"

namespace sf::store {

/// The history that owners read. Written in the transaction that makes it true, where there is one.
///
/// Thread: HTTP or worker (blocks).
class EventStore {
 public:
  EventStore(Database& database, NodeId self) : database_(database), self_(std::move(self)) {}

  Result<void> Add(const Event& event);
  Result<void> Add(Session& session, const Event& event);
  /// Newest first; of every type if `type` is empty.
  Result<std::vector<Event>> List(std::string_view object_type, std::string_view object,
                                  std::string_view type, int limit) const;
  /// Removes up to `limit` events older than `age_s` seconds.
  Result<std::int64_t> Prune(double age_s, int limit);

 private:
  Database& database_;
  const NodeId self_;
};

}  // namespace sf::store
