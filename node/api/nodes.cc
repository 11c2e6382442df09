// SPDX-License-Identifier: Apache-2.0
#include "node/api/nodes.h"

#include "node/api/events.h"
#include "node/api/views.h"

namespace sf::api {

Result<Response> Nodes::List(const Call&) { return Json(ViewAll(TRY(store_.nodes.List()))); }

Result<Response> Nodes::Show(const Call& call) {
  return Json(View(TRY(store_.nodes.Find(NodeId(call.names.at(0))))));
}

Result<Response> Nodes::Events(const Call& call) {
  const NodeRecord node = TRY(store_.nodes.Find(NodeId(call.names.at(0))));
  return EventsOf(store_.events, call, "node", node.name.value);
}

}  // namespace sf::api
