// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/api/body.h"
#include "node/api/router.h"

namespace sf::api {

/// The namespace that a DELETE of everything in it is about. It must be confirmed, and an
/// administrator must name it, so that no slip empties the cluster.
inline Result<NamespaceId> ConfirmedNamespace(const Call& call) {
  const Fields fields(call.body);
  const auto* confirm = fields.Any("confirm");
  if (confirm == nullptr || *confirm != true) {
    return Fail(Code::kInvalid, "confirm must be true to delete everything in a namespace");
  }
  const auto name = TRY(fields.NonEmpty("namespace"));
  if (!name && call.caller.IsAdmin()) {
    return Fail(Code::kInvalid, "an administrator must name the namespace to delete in");
  }
  const NamespaceId name_space(name.value_or(call.caller.name_space.value));
  if (!call.caller.Owns(name_space)) {
    return Fail(Code::kUnauthorized, "namespace {:.63} is not yours", name_space);
  }
  return name_space;
}

}  // namespace sf::api
