// SPDX-License-Identifier: Apache-2.0
#include "node/api/disk_bases.h"

#include <utility>

#include "images/image_ref.h"
#include "node/api/blobs.h"
#include "node/base/uuid.h"

namespace sf::api {
namespace {

using Kind = images::StoredImage::Kind;

bool MayUse(const Caller& caller, const Artifact& artifact) {
  return artifact.shared || caller.Manages(artifact.name_space);
}

Result<Artifact> FindSnapshot(store::ArtifactStore& artifacts, const Caller& caller,
                              const std::string& uuid) {
  auto found =
      IsUuid(uuid) ? TRY(artifacts.List({.uuid = ArtifactId(uuid)})) : std::vector<Artifact>{};
  if (found.empty() || found[0].type != "snapshot" || found[0].state == "deleted" ||
      !MayUse(caller, found[0])) {
    return Fail(Code::kNotFound, "snapshot {:.100} not found", uuid);
  }
  return std::move(found.front());
}

Result<Blob> FindBase(store::Store& store, const Caller& caller, const images::StoredImage& image) {
  if (image.kind == Kind::kBlob) return TRY(FindBlob(store.blobs, caller, image.name)).blob;
  const bool label = image.kind == Kind::kLabel;
  const NamespaceId space(image.namespace_name.empty() ? caller.name_space.value
                                                       : image.namespace_name);
  const std::string url =
      fmt::format("sf://{}/{}/{}", label ? "label" : "upload", space, image.name);
  const Artifact artifact =
      image.kind == Kind::kSnapshot
          ? TRY(FindSnapshot(store.artifacts, caller, image.name))
          : TRY(FindArtifact(store.artifacts, caller, space, label ? "label" : "image", url));
  if (artifact.versions.empty()) {
    return Fail(Code::kNotFound, "a version of {} not found", artifact.source_url);
  }
  return artifact.versions.back().blob;
}

// A label without a namespace is one of the instance's: its node looks it up again.
Result<void> CheckNvramTemplate(store::Store& store, const Caller& caller,
                                const InstanceSpec& spec) {
  if (!spec.nvram_template) return {};
  auto ref = TRY(images::ParseImageRef(*spec.nvram_template));
  auto& image = std::get<images::StoredImage>(ref);
  if (image.namespace_name.empty()) image.namespace_name = spec.name_space.value;
  const auto blob = FindBase(store, caller, image);
  if (blob) return {};
  return Fail(blob.error().code, "nvram_template: {}", blob.error().message);
}

}  // namespace

Result<Artifact> FindArtifact(store::ArtifactStore& artifacts, const Caller& caller,
                              const NamespaceId& name_space, const std::string& type,
                              const std::string& source_url) {
  for (Artifact& artifact : TRY(artifacts.List({.source_url = source_url}))) {
    if (artifact.type == type && artifact.name_space == name_space && MayUse(caller, artifact)) {
      return std::move(artifact);
    }
  }
  return Fail(Code::kNotFound, "{} {:.200} not found", type, source_url);
}

Result<void> ResolveBases(store::Store& store, const Caller& caller, Instance& wanted) {
  for (std::size_t i = 0; i < wanted.disks.size(); ++i) {
    // Parsed before, when the request was read.
    const auto ref = TRY(images::ParseImageRef(wanted.spec.disks[i].base.value_or("")));
    const auto* const image = std::get_if<images::StoredImage>(&ref);
    if (image == nullptr) continue;
    const auto blob = FindBase(store, caller, *image);
    if (!blob) return Fail(blob.error().code, "disk[{}].base: {}", i, blob.error().message);
    wanted.disks[i].blob = blob->uuid;
    wanted.disks[i].url = ToString(images::BlobSource(blob->uuid.value, blob->sha256));
  }
  return CheckNvramTemplate(store, caller, wanted.spec);
}

}  // namespace sf::api
