// SPDX-License-Identifier: Apache-2.0
#include "node/api/artifacts.h"

#include <utility>

#include "images/image_ref.h"
#include "node/api/body.h"
#include "node/api/bulk.h"
#include "node/api/events.h"
#include "node/api/views.h"
#include "node/base/uuid.h"

namespace sf::api {

using nlohmann::json;

Result<Response> Artifacts::List(const Call& call) {
  store::ArtifactFilter filter;
  if (!call.caller.IsAdmin()) filter.visible_to = call.caller.name_space;
  return Json(ViewAll(TRY(store_.artifacts.List(filter))));
}

Result<Response> Artifacts::Cache(const Call& call) {
  const Fields fields(call.body);
  const std::string url = TRY(fields.Required("url"));
  const auto image = images::ParseImageUrl(url);
  if (!image) return Fail(image.error().code, "url: {}", image.error().message);
  const bool shared = TRY(fields.Flag("shared", false));
  if (shared && !call.caller.IsAdmin()) {
    return Fail(Code::kForbidden, "only the namespace system may share artifacts");
  }
  const NamespaceId owner(TRY(fields.NonEmpty("namespace")).value_or(call.caller.name_space.value));
  if (!call.caller.Owns(owner)) return Fail(Code::kNotFound, "namespace {:.63} not found", owner);
  const std::string source = ToString(*image);
  const Artifact artifact = TRY(store_.artifacts.Request(owner, source, shared, self_));
  wake_();
  return Json(View(artifact));
}

Result<Artifact> Artifacts::Resolve(const Call& call, bool to_change) const {
  const std::string& ref = call.names.at(0);
  store::ArtifactFilter filter;
  if (IsUuid(ref)) {
    filter.uuid = ArtifactId(ref);
  } else {
    filter.source_url = ref;
  }
  auto found = TRY(store_.artifacts.List(filter));
  std::erase_if(found, [&](const Artifact& artifact) {
    return !call.caller.Owns(artifact.name_space) && (to_change || !artifact.shared);
  });
  if (found.empty()) return Fail(Code::kNotFound, "artifact {:.200} not found", ref);
  if (found.size() > 1) {
    return Fail(Code::kInvalid, "{} artifacts are called {:.200}; use a UUID", found.size(), ref);
  }
  return std::move(found.front());
}

Result<Response> Artifacts::Show(const Call& call) {
  return Json(View(TRY(Resolve(call, /*to_change=*/false))));
}

Result<Response> Artifacts::Delete(const Call& call) {
  const ArtifactId id = TRY(Resolve(call, /*to_change=*/true)).uuid;
  TRY(store_.artifacts.Delete(id));
  return Json(View(TRY(store_.artifacts.Find(id))));
}

Result<Response> Artifacts::DeleteAll(const Call& call) {
  const NamespaceId name_space = TRY(ConfirmedNamespace(call));
  json deleted = json::array();
  for (const Artifact& artifact : TRY(store_.artifacts.List({.visible_to = name_space}))) {
    if (artifact.name_space != name_space) continue;
    TRY(store_.artifacts.Delete(artifact.uuid));
    deleted.push_back(artifact.uuid.value);
  }
  return Json(deleted);
}

Result<Response> Artifacts::Events(const Call& call) {
  return EventsOf(store_.events, call, "artifact",
                  TRY(Resolve(call, /*to_change=*/false)).uuid.value);
}

}  // namespace sf::api
