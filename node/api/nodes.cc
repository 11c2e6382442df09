// SPDX-License-Identifier: Apache-2.0
#include "node/api/nodes.h"

#include <algorithm>

#include "node/api/events.h"
#include "node/api/rows.h"
#include "node/api/views.h"

namespace sf::api {

using nlohmann::json;

namespace {

/// What a node has and instances take of it, as the event that clients look for. No row is written
/// for it: the node's own says it, and is as new as its last heartbeat.
Event ResourcesOf(const NodeRecord& node) {
  return {.object_type = "node",
          .object = node.name.value,
          .type = "resources",
          .message = "resources",
          .extra = {{"cpus_limit", node.limit.cpus},
                    {"cpus_used", node.used.cpus},
                    {"memory_mb_limit", node.limit.memory_mb},
                    {"memory_mb_used", node.used.memory_mb},
                    {"disk_gb_limit", node.limit.disk_gb},
                    {"disk_gb_used", node.used.disk_gb}},
          .node = node.name.value,
          .timestamp = node.last_seen};
}

}  // namespace

Result<Response> Nodes::List(const Call& call) {
  const auto cluster = cluster_();
  json list = json::array();
  for (NodeRecord node : call.rows.picture->nodes) {
    CorrectState(node, *cluster);
    list.push_back(View(node, *cluster));
  }
  return FromRows(call, list);
}

Result<NodeRecord> Nodes::Find(const Call& call) const {
  const NodeId name(call.names.at(0));
  if (call.request.method == "GET") {
    const auto& nodes = call.rows.picture->nodes;
    const auto known = std::ranges::find(nodes, name, &NodeRecord::name);
    if (known != nodes.end()) return *known;
  }
  return store_.nodes.Find(name);
}

Result<Response> Nodes::Show(const Call& call) {
  const auto cluster = cluster_();
  NodeRecord node = TRY(Find(call));
  CorrectState(node, *cluster);
  return FromRows(call, View(node, *cluster));
}

Result<Response> Nodes::Delete(const Call& call) {
  const auto cluster = cluster_();
  NodeRecord node = TRY(Find(call));
  const MemberView* const member = cluster->Find(node.name);
  if (member != nullptr && member->state < gossip::MemberState::kDead) {
    return Fail(Code::kConflict, "node {} is {}; it can be deleted once it is dead or has left",
                node.name, ToString(member->state));
  }
  TRY(store_.nodes.Delete(node.name));
  // It is no peer any more, and networks may have lost their last interface.
  for (const MemberView& other : cluster->members) wake_(other.name);
  node.state = "deleted";
  return Json(View(node, *cluster));
}

Result<Response> Nodes::Drain(const Call& call) {
  const NodeId node = TRY(Find(call)).name;
  TRY(store_.nodes.SetDrained(node, true));
  store::InstanceFilter filter;
  filter.node = node;
  return Json(ViewAll(TRY(store_.instances.List(filter))));
}

Result<Response> Nodes::Undrain(const Call& call) {
  TRY(store_.nodes.SetDrained(TRY(Find(call)).name, false));
  return Json(View(TRY(Find(call)), *cluster_()));
}

Result<Response> Nodes::Members(const Call&) {
  const auto cluster = cluster_();
  json list = json::array();
  for (const MemberView& member : cluster->members) list.push_back(View(member, *cluster));
  return Json(list);
}

Result<Response> Nodes::Locks(const Call&) {
  json locks = json::object();
  for (const store::Work& work : TRY(store_.work.List())) {
    locks[work.object] = {{"pid", work.pid},
                          {"node", work.node.value},
                          {"operation", work.operation},
                          {"since", work.since}};
  }
  return Json(locks);
}

Result<Response> Nodes::Events(const Call& call) {
  const NodeRecord node = TRY(Find(call));
  if (TRY(Fields(call.body).NonEmpty("event_type")) == "resources") {
    return FromRows(call, json::array({View(ResourcesOf(node))}));
  }
  return EventsOf(store_.events, call, "node", node.name.value);
}

Result<Response> Nodes::Metadata(const Call& call) {
  return FromRows(call, TRY(Find(call)).metadata);
}

Result<MetadataTarget> Nodes::MetadataToChange(const Call& call) {
  const auto set = [this, id = TRY(Find(call)).name](const std::string& key, const auto& value) {
    return store_.nodes.SetMetadata(id, key, value);
  };
  return MetadataTarget{set, CheckMetadata};
}

}  // namespace sf::api
