// SPDX-License-Identifier: Apache-2.0
#include "node/api/networks.h"

#include <vector>

#include "node/api/addresses.h"
#include "node/api/body.h"
#include "node/api/bulk.h"
#include "node/api/events.h"
#include "node/api/network_request.h"
#include "node/api/rows.h"
#include "node/api/views.h"
#include "node/base/uuid.h"

namespace sf::api {
namespace {

using nlohmann::json;

/// The one of `found`, which are those that `ref` stands for.
Result<Network> OnlyOne(std::vector<Network> found, const std::string& ref) {
  if (found.empty()) return Fail(Code::kNotFound, "network {:.255} not found", ref);
  if (found.size() > 1) {
    return Fail(Code::kInvalid, "{} networks are called {:.255}; use a UUID", found.size(), ref);
  }
  return std::move(found.front());
}

store::NetworkFilter ByReference(const std::string& ref) {
  if (IsUuid(ref)) return {.uuid = NetworkId(ref)};
  return {.name = ref};
}

}  // namespace

Result<Network> FindNetwork(const store::NetworkStore& networks, const NamespaceId& name_space,
                            const std::string& ref) {
  store::NetworkFilter filter = ByReference(ref);
  filter.name_space = name_space;
  return OnlyOne(TRY(networks.List(filter)), ref);
}

Result<Response> Networks::Create(const Call& call) {
  Network wanted = TRY(ParseNetworkRequest(call.body, call.caller));
  wanted.uuid = NetworkId(MakeUuid());
  const Network made = TRY(store_.networks.Create(wanted));
  WakeAll();
  return Json(View(made));
}

// A network concerns every node: each has an end of its mesh.
void Networks::WakeAll() const {
  const auto view = cluster_();
  for (const MemberView& member : view->members) wake_(member.name);
}

Result<Response> Networks::List(const Call& call) {
  store::NetworkFilter filter;
  filter.with_deleted = TRY(Fields(call.body).Flag("all", false));
  if (!call.caller.IsAdmin()) filter.name_space = call.caller.name_space;
  return AnswerWithAll(call, store_.networks, filter);
}

Result<Network> Networks::Resolve(const Call& call) const {
  const std::string& ref = call.names.at(0);
  store::NetworkFilter filter = ByReference(ref);
  if (!call.caller.IsAdmin()) filter.name_space = call.caller.name_space;
  auto found = TRY(ListRows(call, store_.networks, filter));
  if (const auto only = TRY(Fields(call.body).NonEmpty("namespace"))) {
    std::erase_if(found, [&](const Network& network) { return network.name_space.value != *only; });
  }
  return OnlyOne(std::move(found), ref);
}

Result<Response> Networks::Show(const Call& call) {
  return FromRows(call, View(TRY(Resolve(call))));
}

Result<Response> Networks::Delete(const Call& call) {
  Network network = TRY(Resolve(call));
  TRY(store_.networks.Delete(network.uuid, /*wait=*/true));
  WakeAll();
  // It is done, also when the database goes away before it can be shown.
  network.state = NetworkState::kDeleteWait;
  return Json(View(store_.networks.Find(network.uuid).value_or(network)));
}

Result<Response> Networks::DeleteAll(const Call& call) {
  const NamespaceId name_space = TRY(ConfirmedNamespace(call));
  const bool wait = TRY(Fields(call.body).Flag("clean_wait", false));
  json deleted = json::array();
  json unable = json::array();
  for (const Network& network : TRY(store_.networks.List({.name_space = name_space}))) {
    if (network.uuid == kFloatingNetwork) continue;
    const auto done = store_.networks.Delete(network.uuid, wait);
    const bool in_use = !done && done.error().code == Code::kConflict;
    if (!done && !in_use && done.error().code != Code::kNotFound) {
      return tl::unexpected(done.error());
    }
    (in_use ? unable : deleted).push_back(network.uuid.value);
  }
  WakeAll();
  if (unable.empty()) return Json(deleted);
  // By contract the error is an object here, as the client wants to know which are left.
  constexpr int kForbidden = 403;
  Response refused =
      Json({{"error", {{"deleted", deleted}, {"unable", unable}}}, {"status", kForbidden}});
  refused.status = kForbidden;
  return refused;
}

Result<Response> Networks::Interfaces(const Call& call) {
  const store::InterfaceFilter filter{.network = TRY(Resolve(call)).uuid};
  return FromRows(call, ViewAll(TRY(ListRows(call, store_.interfaces, filter))));
}

Result<Response> Networks::Events(const Call& call) {
  return EventsOf(store_.events, call, "network", TRY(Resolve(call)).uuid.value);
}

Result<Response> Networks::Addresses(const Call& call) {
  const Network network = TRY(Resolve(call));
  if (network.uuid != kFloatingNetwork) {
    const store::InterfaceFilter of{.network = network.uuid};
    return FromRows(call,
                    AddressesOf(network, {network}, TRY(ListRows(call, store_.interfaces, of))));
  }
  const auto networks = TRY(ListRows(call, store_.networks, store::NetworkFilter{}));
  const auto interfaces = TRY(ListRows(call, store_.interfaces, store::InterfaceFilter{}));
  return FromRows(call, AddressesOf(network, networks, interfaces));
}

Result<Response> Networks::Route(const Call& call) {
  const std::string address = TRY(store_.networks.Route(TRY(Resolve(call)).uuid));
  WakeHolder();
  return Json(address);
}

Result<Response> Networks::Unroute(const Call& call) {
  const Network network = TRY(Resolve(call));
  const auto address = IpAddress::Parse(call.names.at(1));
  if (!address) {
    return Fail(Code::kNotFound, "address {:.40} not found among those routed to network {}",
                call.names.at(1), network.uuid);
  }
  TRY(store_.networks.Unroute(network.uuid, *address));
  WakeHolder();
  return Json(nullptr);
}

Result<Networks::PingTarget> Networks::FindPingTarget(const Call& call) const {
  const Network network = TRY(Resolve(call));
  const auto address = IpAddress::Parse(call.names.at(1));
  if (!address || !network.netblock.Contains(*address)) {
    return Fail(Code::kInvalid, "{:.40} is no address in {}, network {}", call.names.at(1),
                ToString(network.netblock), network.uuid);
  }
  if (network.state != NetworkState::kCreated || network.vni == 0) {
    return Fail(Code::kNotReady, "network {} is {}", network.uuid,
                network.vni == 0 ? "nobody's" : ToString(network.state));
  }
  return PingTarget{network.uuid, *address};
}

Result<Response> Networks::Metadata(const Call& call) {
  return FromRows(call, TRY(Resolve(call)).metadata);
}

Result<MetadataTarget> Networks::MetadataToChange(const Call& call) {
  const auto set = [this, id = TRY(Resolve(call)).uuid](const std::string& key, const auto& value) {
    return store_.networks.SetMetadata(id, key, value);
  };
  return MetadataTarget{set, CheckMetadata};
}

}  // namespace sf::api
