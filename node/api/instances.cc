// SPDX-License-Identifier: Apache-2.0
#include "node/api/instances.h"

#include <utility>

#include "node/api/body.h"
#include "node/api/bulk.h"
#include "node/api/events.h"
#include "node/api/instance_request.h"
#include "node/api/views.h"
#include "node/base/uuid.h"
#include "node/scheduler.h"

namespace sf::api {

using nlohmann::json;

// POST /instances. Records what is wanted and where, and returns: the placed node's reconciler does
// the building, so this thread never waits for an image to download or a domain to boot.
Result<Response> Instances::Create(const Call& call) {
  Instance wanted = TRY(ParseInstanceRequest(call.body, call.caller));
  wanted.uuid = InstanceId(MakeUuid());
  const Placement placement = TRY(Place(wanted.spec, TRY(store_.nodes.List())));
  Result<Instance> made = Fail(Code::kNoCapacity, "no node has room");
  for (const NodeId& node : placement.ranked) {
    wanted.node = node;
    made = store_.instances.Create(wanted, placement.reason);
    // Another create has taken the room since the ranking: the next best may still have some.
    if (made || made.error().code != Code::kNoCapacity) break;
  }
  const Instance instance = TRY(std::move(made));
  wake_();
  return Json(View(instance));
}

Result<Response> Instances::List(const Call& call) {
  store::InstanceFilter filter;
  filter.with_deleted = TRY(Fields(call.body).Flag("all", false));
  if (!call.caller.IsAdmin()) filter.name_space = call.caller.name_space;
  return Json(ViewAll(TRY(store_.instances.List(filter))));
}

Result<Instance> Instances::Resolve(const Call& call) const {
  const std::string& ref = call.names.at(0);
  store::InstanceFilter filter;
  if (IsUuid(ref)) {
    filter.uuid = InstanceId(ref);
  } else {
    filter.name = ref;
    if (!call.caller.IsAdmin()) filter.name_space = call.caller.name_space;
  }
  auto found = TRY(store_.instances.List(filter));
  const auto restriction = TRY(Fields(call.body).NonEmpty("namespace"));
  std::erase_if(found, [&](const Instance& instance) {
    const NamespaceId& owner = instance.spec.name_space;
    return !call.caller.Owns(owner) || (restriction && *restriction != owner.value);
  });
  if (found.empty()) return Fail(Code::kNotFound, "instance {} not found", ref);
  if (found.size() > 1) {
    return Fail(Code::kInvalid, "{} instances are called {}; use a UUID", found.size(), ref);
  }
  return std::move(found.front());
}

Result<Response> Instances::Show(const Call& call) { return Json(View(TRY(Resolve(call)))); }

Result<Response> Instances::Delete(const Call& call) {
  const Instance instance = TRY(Resolve(call));
  TRY(store_.instances.RequestDelete(instance.uuid));
  wake_();
  return Json(View(TRY(store_.instances.Find(instance.uuid))));
}

Result<Response> Instances::DeleteAll(const Call& call) {
  const NamespaceId name_space = TRY(ConfirmedNamespace(call));
  json deleted = json::array();
  for (const Instance& instance : TRY(store_.instances.List({.name_space = name_space}))) {
    const auto done = store_.instances.RequestDelete(instance.uuid);
    if (!done && done.error().code != Code::kNotFound) return tl::unexpected(done.error());
    deleted.push_back(instance.uuid.value);
  }
  wake_();
  return Json(deleted);
}

Result<Response> Instances::Interfaces(const Call& call) {
  TRY(Resolve(call));
  return Json(json::array());
}

Result<Response> Instances::Events(const Call& call) {
  return EventsOf(store_.events, call, "instance", TRY(Resolve(call)).uuid.value);
}

Result<Response> Instances::Metadata(const Call& call) { return Json(TRY(Resolve(call)).metadata); }

Result<Response> Instances::SetMetadata(const Call& call) {
  const Instance instance = TRY(Resolve(call));
  const auto [key, value] = TRY(MetadataEntry(call));
  TRY(CheckInstanceMetadata(key, value));
  TRY(store_.instances.SetMetadata(instance.uuid, key, value));
  return Json(nullptr);
}

Result<Response> Instances::DeleteMetadata(const Call& call) {
  const Instance instance = TRY(Resolve(call));
  TRY(store_.instances.SetMetadata(instance.uuid, call.names.at(1), std::nullopt));
  return Json(nullptr);
}

Result<Response> Instances::ChangePower(const Call& call, const PowerCall& power) {
  const Instance instance = TRY(Resolve(call));
  if (instance.state != InstanceState::kCreated) {
    return Fail(Code::kNotReady, "instance {} is {}", instance.uuid, ToString(instance.state));
  }
  TRY(local_.ChangePower(instance, power));
  return Json(nullptr);
}

Result<Response> Instances::ReadConsole(const Call& call) {
  const Instance instance = TRY(Resolve(call));
  constexpr std::int64_t kDefaultLength = 10240;
  const auto length = TRY(Fields(call.body).Integer("length", -1, INT64_MAX));
  Response response;
  response.body = TRY(local_.ReadConsole(instance, length.value_or(kDefaultLength)));
  response.content_type = "text/plain; charset=utf-8";
  return response;
}

Result<Response> Instances::ClearConsole(const Call& call) {
  TRY(local_.ClearConsole(TRY(Resolve(call))));
  return Json(nullptr);
}

}  // namespace sf::api
