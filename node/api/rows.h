// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "node/api/router.h"
#include "node/api/views.h"
#include "node/store/instance_store.h"
#include "node/store/interface_store.h"
#include "node/store/network_store.h"

namespace sf::api {

inline bool NamesOne(const store::InstanceFilter& filter) { return filter.uuid || filter.name; }
inline bool NamesOne(const store::NetworkFilter& filter) { return filter.uuid || filter.name; }
inline bool NamesOne(const store::InterfaceFilter& filter) { return filter.uuid.has_value(); }

/// Whether the picture has all records that fit: it does not hold the deleted, and is for reads.
template <class Filter>
bool AreInPicture(const Call& call, const Filter& filter) {
  return call.request.method == "GET" && (!filter.with_deleted || call.rows.stale);
}

/// The records of `table` that fit. A read has them from the picture, but for what that does not
/// hold: the deleted, and one that was made a moment ago. Whoever is to change something has them
/// from the database.
template <class Table, class Filter>
auto ListRows(const Call& call, const Table& table, const Filter& filter)
    -> decltype(table.List(filter)) {
  if (!AreInPicture(call, filter)) return table.List(filter);
  auto found = store::Records(call.rows.picture->List(filter));
  if (found.empty() && NamesOne(filter)) return table.List(filter);
  return found;
}

/// 200 with `body`, which came of such records.
Response FromRows(const Call& call, const nlohmann::json& body);
Response FromRows(const Call& call, std::string body);

/// The view of a record of the picture, which is written once.
template <class Record>
const std::string& ViewText(const store::Kept<Record>& kept) {
  return kept.Text([](const Record& record) { return ToText(View(record)); });
}

/// 200 with a list of the records of `table` that fit.
template <class Table, class Filter>
Result<Response> AnswerWithAll(const Call& call, const Table& table, const Filter& filter) {
  if (!AreInPicture(call, filter)) return FromRows(call, ViewAll(TRY(table.List(filter))));
  std::string list = "[";
  for (const auto* kept : call.rows.picture->List(filter)) {
    if (list.size() > 1) list += ',';
    list += ViewText(*kept);
  }
  list += ']';
  return FromRows(call, std::move(list));
}

}  // namespace sf::api
