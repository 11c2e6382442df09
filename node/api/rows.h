// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "node/api/router.h"
#include "node/store/instance_store.h"
#include "node/store/interface_store.h"
#include "node/store/network_store.h"

namespace sf::api {

inline bool NamesOne(const store::InstanceFilter& filter) { return filter.uuid || filter.name; }
inline bool NamesOne(const store::NetworkFilter& filter) { return filter.uuid || filter.name; }
inline bool NamesOne(const store::InterfaceFilter& filter) { return filter.uuid.has_value(); }

/// The records of `table` that fit. A read has them from the picture, but for what that does not
/// hold: the deleted, and one that was made a moment ago. Whoever is to change something has them
/// from the database.
template <class Table, class Filter>
auto ListRows(const Call& call, const Table& table, const Filter& filter)
    -> decltype(table.List(filter)) {
  if (call.request.method != "GET") return table.List(filter);
  if (filter.with_deleted && !call.rows.stale) return table.List(filter);
  auto found = call.rows.picture->List(filter);
  if (found.empty() && NamesOne(filter)) return table.List(filter);
  return found;
}

/// 200 with `body`, which came of such records.
Response FromRows(const Call& call, const nlohmann::json& body);

}  // namespace sf::api
