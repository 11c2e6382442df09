// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/nvram.h"

#include <system_error>
#include <variant>

#include "images/file.h"
#include "images/image_ref.h"

namespace sf::reconcile {
namespace {

/// Of flash, as firmware for PCs knows it; and what QEMU allows firmware and variables together.
constexpr std::size_t kBlockBytes = 4096;
constexpr std::size_t kMostBytes = std::size_t{8} << 20;

/// Whether its owner may see it was judged when the instance was asked for.
Result<BlobId> FindTemplate(store::Store& store, const InstanceSpec& spec) {
  const auto ref = TRY(images::ParseImageRef(*spec.nvram_template));
  const auto* const image = std::get_if<images::StoredImage>(&ref);
  if (image != nullptr && image->kind == images::StoredImage::Kind::kBlob) {
    return BlobId(image->name);
  }
  if (image != nullptr && image->kind == images::StoredImage::Kind::kLabel) {
    const std::string& space =
        image->namespace_name.empty() ? spec.name_space.value : image->namespace_name;
    const std::string url = fmt::format("sf://label/{}/{}", space, image->name);
    for (const Artifact& artifact : TRY(store.artifacts.List({.source_url = url}))) {
      if (artifact.type == "label" && !artifact.versions.empty()) {
        return artifact.versions.back().blob.uuid;
      }
    }
  }
  return Fail(Code::kNotFound, "nvram_template {} not found", *spec.nvram_template);
}

}  // namespace

Result<void> MakeNvram(store::Store& store, BlobShelf& shelf, const InstanceSpec& spec,
                       const std::filesystem::path& to) {
  std::error_code error;
  if (!spec.nvram_template || std::filesystem::exists(to, error)) return {};
  const BlobId blob = TRY(FindTemplate(store, spec));
  const auto found = TRY(store.blobs.List({.uuid = blob}));
  if (found.empty() || !found[0].blob.stored) {
    return Fail(Code::kNotFound, "nvram_template {} not found", *spec.nvram_template);
  }
  const auto file = shelf.Bring(found[0].blob, {});
  if (!file) {
    const bool later = file.error().code == Code::kNotReady;
    return Fail(later ? Code::kUnavailable : file.error().code, "nvram_template: {}",
                file.error().message);
  }
  std::string bytes = TRY(images::ReadWhole(file->path, kMostBytes));
  bytes.resize(bytes.size() / kBlockBytes * kBlockBytes);
  if (bytes.empty()) {
    return Fail(Code::kInvalid, "nvram_template {} is shorter than a block of {} bytes",
                *spec.nvram_template, kBlockBytes);
  }
  TRY(images::WriteWhole(to, bytes, images::Durability::kOrdinary));
  std::filesystem::permissions(to, std::filesystem::perms(0600), error);
  if (error) return Fail(Code::kInternal, "cannot protect {}: {}", to.string(), error.message());
  return {};
}

}  // namespace sf::reconcile
