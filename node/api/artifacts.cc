// SPDX-License-Identifier: Apache-2.0
#include "node/api/artifacts.h"

#include <utility>

#include "images/image_ref.h"
#include "node/api/body.h"
#include "node/api/bulk.h"
#include "node/api/events.h"
#include "node/api/views.h"
#include "node/base/number.h"
#include "node/base/uuid.h"

namespace sf::api {

using nlohmann::json;

namespace {

constexpr std::int64_t kMostVersions = 1000;

}  // namespace

Result<Response> Artifacts::List(const Call& call) {
  store::ArtifactFilter filter;
  if (!call.caller.IsAdmin()) filter.visible_to = call.caller.Managed();
  if (const auto node = TRY(Fields(call.body).NonEmpty("node"))) filter.on = NodeId(*node);
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
  if (!call.caller.Manages(owner))
    return Fail(Code::kNotFound, "namespace {:.63} not found", owner);
  const std::string source = ToString(*image);
  const Artifact artifact = TRY(store_.artifacts.Request(owner, source, shared, self_));
  wake_(self_);
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
    return !call.caller.Manages(artifact.name_space) && (to_change || !artifact.shared);
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
  for (const Artifact& artifact : TRY(store_.artifacts.List({.visible_to = {name_space}}))) {
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

Result<Response> Artifacts::Versions(const Call& call) {
  return Json(VersionsOf(TRY(Resolve(call, /*to_change=*/false))));
}

Result<Response> Artifacts::SetMaxVersions(const Call& call) {
  const Artifact artifact = TRY(Resolve(call, /*to_change=*/true));
  const auto count = TRY(Fields(call.body).Integer("max_versions", 1, kMostVersions));
  if (!count) return Fail(Code::kInvalid, "max_versions is missing");
  TRY(store_.artifacts.SetMaxVersions(artifact.uuid, *count));
  return Json(nullptr);
}

Result<Response> Artifacts::DeleteVersion(const Call& call) {
  const Artifact artifact = TRY(Resolve(call, /*to_change=*/true));
  const std::string& text = call.names.at(1);
  const auto index = ToNumber<std::int64_t>(text);
  if (!index) return Fail(Code::kInvalid, "{:.40} is not the number of a version", text);
  TRY(store_.artifacts.DeleteVersion(artifact.uuid, *index));
  return Json(View(TRY(store_.artifacts.Find(artifact.uuid))));
}

// Only system's are offered to everybody: what others share, those who trust them may use anyway.
Result<Response> Artifacts::Share(const Call& call) {
  const Artifact artifact = TRY(Resolve(call, /*to_change=*/true));
  if (artifact.name_space != kSystemNamespace) {
    return Fail(Code::kForbidden, "only artifacts of the namespace system may be shared");
  }
  TRY(store_.artifacts.Share(artifact.uuid, true));
  return Json(View(TRY(store_.artifacts.Find(artifact.uuid))));
}

Result<Response> Artifacts::Unshare(const Call& call) {
  const Artifact artifact = TRY(Resolve(call, /*to_change=*/true));
  if (!artifact.shared) return Fail(Code::kForbidden, "artifact {} is not shared", artifact.uuid);
  TRY(store_.artifacts.Share(artifact.uuid, false));
  return Json(View(TRY(store_.artifacts.Find(artifact.uuid))));
}

Result<Response> Artifacts::Metadata(const Call& call) {
  return Json(TRY(Resolve(call, /*to_change=*/false)).metadata);
}

Result<MetadataTarget> Artifacts::MetadataToChange(const Call& call) {
  const auto set = [this, id = TRY(Resolve(call, /*to_change=*/true)).uuid](const std::string& key,
                                                                            const auto& value) {
    return store_.artifacts.SetMetadata(id, key, value);
  };
  return MetadataTarget{set, CheckMetadata};
}

}  // namespace sf::api
