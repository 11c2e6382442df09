// SPDX-License-Identifier: Apache-2.0
#include "node/store/event_store.h"

#include "node/base/request_scope.h"
#include "node/store/message.h"

namespace sf::store {

using nlohmann::json;

Result<void> EventStore::Add(const Event& event) {
  return database_.OnOneConnection<void>(
      [&](Session& session) -> Result<void> { return Add(session, event); });
}

Result<void> EventStore::Add(Session& session, const Event& event) {
  json extra = event.extra;
  if (!RequestScope::Id().empty()) extra["request_id"] = RequestScope::Id();
  TRY(session.Execute(
      "INSERT INTO events (object_type, object, timestamp, type, node, duration,"
      " message, extra) VALUES (?, ?, UNIX_TIMESTAMP(NOW(6)), ?, ?, ?, ?, ?)",
      event.object_type, event.object, event.type, self_,
      event.duration_s ? Parameter(*event.duration_s) : Parameter(nullptr), Storable(event.message),
      extra.dump(-1, ' ', false, json::error_handler_t::replace)));
  return {};
}

Result<std::vector<Event>> EventStore::List(std::string_view object_type, std::string_view object,
                                            std::string_view type, int limit) const {
  // Two statements, and an index for each: of a thousand events of other types none is read.
  constexpr std::string_view kOfAll =
      "SELECT timestamp, type, node, duration, message, extra FROM events"
      " WHERE object_type = ? AND object = ? ORDER BY id DESC LIMIT ?";
  constexpr std::string_view kOfType =
      "SELECT timestamp, type, node, duration, message, extra FROM events"
      " WHERE object_type = ? AND object = ? AND type = ? ORDER BY id DESC LIMIT ?";
  const auto rows = TRY(type.empty() ? database_.Query(kOfAll, object_type, object, limit)
                                     : database_.Query(kOfType, object_type, object, type, limit));
  std::vector<Event> events;
  events.reserve(rows.size());
  for (const Row& row : rows) {
    Event event;
    event.object_type = object_type;
    event.object = object;
    event.timestamp = row.Real(0);
    event.type = row.Text(1);
    event.node = row.Text(2);
    if (!row.IsNull(3)) event.duration_s = row.Real(3);
    event.message = row.Text(4);
    event.extra = json::parse(row.Text(5), nullptr, /*allow_exceptions=*/false);
    events.push_back(std::move(event));
  }
  return events;
}

Result<std::int64_t> EventStore::Prune(double age_s, int limit) {
  return database_.Execute(
      "DELETE FROM events WHERE timestamp < UNIX_TIMESTAMP(NOW(6)) - ?"
      " ORDER BY timestamp LIMIT ?",
      age_s, limit);
}

}  // namespace sf::store
