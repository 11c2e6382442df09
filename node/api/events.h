// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "node/api/body.h"
#include "node/api/router.h"
#include "node/api/views.h"
#include "node/store/event_store.h"

namespace sf::api {

constexpr std::int64_t kDefaultEvents = 100;
constexpr std::int64_t kMaxEvents = 10'000;

/// The answer to GET …/events of any object that the caller may see.
inline Result<Response> EventsOf(const store::EventStore& events, const Call& call,
                                 std::string_view object_type, const std::string& object) {
  const Fields fields(call.body);
  const auto limit = TRY(fields.Integer("limit", 1, kMaxEvents)).value_or(kDefaultEvents);
  const auto type = TRY(fields.NonEmpty("event_type")).value_or("");
  return Json(ViewAll(TRY(events.List(object_type, object, type, static_cast<int>(limit)))));
}

}  // namespace sf::api
