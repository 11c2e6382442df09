// SPDX-License-Identifier: Apache-2.0
#include "node/api/instances.h"

#include <set>
#include <utility>

#include "node/api/body.h"
#include "node/api/bulk.h"
#include "node/api/disk_bases.h"
#include "node/api/events.h"
#include "node/api/instance_request.h"
#include "node/api/network_request.h"
#include "node/api/networks.h"
#include "node/api/rows.h"
#include "node/api/views.h"
#include "node/base/uuid.h"
#include "node/scheduler.h"

namespace sf::api {

using nlohmann::json;

Result<void> CheckIsCreated(const Instance& instance) {
  if (instance.state == InstanceState::kCreated) return {};
  return Fail(Code::kNotReady, "instance {} is {}", instance.uuid, ToString(instance.state));
}

// POST /instances. Records what is wanted and where, and returns: the placed node's reconciler does
// the building, so this thread never waits for an image to download or a domain to boot.
Result<Response> Instances::Create(const Call& call) {
  Instance wanted = TRY(ParseInstanceRequest(call.body, call.caller));
  TRY(ResolveBases(store_, call.caller, wanted));
  wanted.uuid = InstanceId(MakeUuid());
  for (InterfaceSpec& spec : wanted.spec.interfaces) {
    spec.network =
        TRY(FindNetwork(store_.networks, wanted.spec.name_space, spec.network_name)).uuid;
  }
  const auto cluster = cluster_();
  const Placement placement = TRY(Rank(wanted, *cluster));
  if (TRY(Fields(call.body).Flag("dry_run", false))) return Json(View(placement));
  const Instance instance = TRY(store_.instances.Create(wanted, placement));
  wake_(instance.node);
  // Whoever serves the networks has to know its addresses before it asks for them.
  if (!instance.interfaces.empty()) wake_(cluster->role.holder);
  return Json(View(instance));
}

Result<Placement> Instances::Rank(const Instance& wanted, const ClusterView& cluster) const {
  auto nodes = TRY(store_.nodes.List());
  for (NodeRecord& node : nodes) CorrectState(node, cluster);
  std::vector<Neighbour> neighbours;
  if (wanted.metadata.contains("affinity")) {
    neighbours = TRY(store_.instances.Tagged(wanted.spec.name_space));
  }
  return Place(wanted, {nodes, cluster, neighbours});
}

Result<Response> Instances::List(const Call& call) {
  store::InstanceFilter filter;
  filter.with_deleted = TRY(Fields(call.body).Flag("all", false));
  if (!call.caller.IsAdmin()) filter.name_space = call.caller.name_space;
  return AnswerWithAll(call, store_.instances, filter);
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
  auto found = TRY(ListRows(call, store_.instances, filter));
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

Result<Response> Instances::Show(const Call& call) {
  return FromRows(call, View(TRY(Resolve(call))));
}

Result<Response> Instances::Delete(const Call& call) {
  Instance instance = TRY(Resolve(call));
  TRY(store_.instances.RequestDelete(instance.uuid));
  wake_(instance.node);
  // It is done, also when the database goes away before it can be shown.
  instance.state = InstanceState::kDeleteWait;
  return Json(View(store_.instances.Find(instance.uuid).value_or(instance)));
}

Result<Response> Instances::DeleteAll(const Call& call) {
  const NamespaceId name_space = TRY(ConfirmedNamespace(call));
  json deleted = json::array();
  std::set<NodeId> concerned;
  for (const Instance& instance : TRY(store_.instances.List({.name_space = name_space}))) {
    const auto done = store_.instances.RequestDelete(instance.uuid);
    if (!done && done.error().code != Code::kNotFound) return tl::unexpected(done.error());
    deleted.push_back(instance.uuid.value);
    concerned.insert(instance.node);
  }
  for (const NodeId& node : concerned) wake_(node);
  return Json(deleted);
}

Result<Response> Instances::Interfaces(const Call& call) {
  return FromRows(call, ViewAll(TRY(Resolve(call)).interfaces));
}

Result<Response> Instances::AddInterface(const Call& call) {
  const Instance instance = TRY(Resolve(call));
  const json* const network = Fields(call.body).Any("network");
  if (network == nullptr) return Fail(Code::kInvalid, "network is missing");
  InterfaceSpec spec = TRY(ParseInterfaceSpec(*network, "network"));
  spec.network =
      TRY(FindNetwork(store_.networks, instance.spec.name_space, spec.network_name)).uuid;
  const Interface made = TRY(store_.interfaces.Add(instance.uuid, spec));
  wake_(instance.node);
  wake_(cluster_()->role.holder);
  return Json(View(made));
}

Result<Response> Instances::Events(const Call& call) {
  return EventsOf(store_.events, call, "instance", TRY(Resolve(call)).uuid.value);
}

Result<Response> Instances::Metadata(const Call& call) {
  return FromRows(call, TRY(Resolve(call)).metadata);
}

Result<MetadataTarget> Instances::MetadataToChange(const Call& call) {
  const auto set = [this, id = TRY(Resolve(call)).uuid](const std::string& key, const auto& value) {
    return store_.instances.SetMetadata(id, key, value);
  };
  return MetadataTarget{set, CheckInstanceMetadata};
}

Result<Response> Instances::ChangePower(const Instance& instance, const PowerCall& power) {
  TRY(CheckIsCreated(instance));
  TRY(local_.ChangePower(instance, power));
  return Json(nullptr);
}

Result<Response> Instances::ReadConsole(const Call& call, const Instance& instance) {
  constexpr std::int64_t kDefaultLength = 10240;
  const auto length = TRY(Fields(call.body).Integer("length", -1, INT64_MAX));
  Response response;
  response.body = TRY(local_.ReadConsole(instance, length.value_or(kDefaultLength)));
  response.content_type = "text/plain; charset=utf-8";
  return response;
}

Result<Response> Instances::ClearConsole(const Call&, const Instance& instance) {
  TRY(local_.ClearConsole(instance));
  return Json(nullptr);
}

Result<Response> Instances::OpenScreen(const Call&, const Instance& instance) {
  TRY(CheckIsCreated(instance));
  Response response;
  response.body = TRY(local_.OpenScreen(instance));
  response.content_type = "application/x-virt-viewer";
  return response;
}

Result<Response> Instances::Screenshot(const Call&, const Instance& instance) {
  TRY(CheckIsCreated(instance));
  return Json(TRY(local_.Screenshot(instance)).value);
}

}  // namespace sf::api
