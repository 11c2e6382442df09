// SPDX-License-Identifier: Apache-2.0
#include "node/api/interfaces.h"

#include "node/api/rows.h"
#include "node/api/views.h"

namespace sf::api {

Result<Interface> Interfaces::Resolve(const Call& call) const {
  const InterfaceId id(call.names.at(0));
  const auto found = TRY(ListRows(call, store_.interfaces, store::InterfaceFilter{.uuid = id}));
  for (const Interface& interface : found) {
    const store::NetworkFilter of{.uuid = interface.network};
    for (const Network& network : TRY(ListRows(call, store_.networks, of))) {
      if (call.caller.Owns(network.name_space)) return interface;
    }
  }
  return Fail(Code::kNotFound, "interface {} not found", id);
}

Result<Response> Interfaces::Show(const Call& call) {
  return FromRows(call, View(TRY(Resolve(call))));
}

Result<Response> Interfaces::Float(const Call& call) {
  TRY(store_.interfaces.Float(TRY(Resolve(call)).uuid));
  return Changed();
}

Result<Response> Interfaces::Defloat(const Call& call) {
  TRY(store_.interfaces.Defloat(TRY(Resolve(call)).uuid));
  return Changed();
}

Result<Response> Interfaces::Metadata(const Call& call) {
  return FromRows(call, TRY(Resolve(call)).metadata);
}

Result<MetadataTarget> Interfaces::MetadataToChange(const Call& call) {
  const auto set = [this, id = TRY(Resolve(call)).uuid](const std::string& key, const auto& value) {
    return store_.interfaces.SetMetadata(id, key, value);
  };
  return MetadataTarget{set, CheckMetadata};
}

Result<Response> Interfaces::Changed() const {
  wake_(cluster_()->role.holder);  // Whoever serves the networks leads it there.
  return Json(nullptr);
}

}  // namespace sf::api
