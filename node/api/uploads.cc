// SPDX-License-Identifier: Apache-2.0
#include "node/api/uploads.h"

#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "images/image_file.h"
#include "images/image_index.h"
#include "images/image_ref.h"
#include "node/api/blobs.h"
#include "node/api/body.h"
#include "node/api/views.h"
#include "node/base/number.h"
#include "node/base/uuid.h"

namespace sf::api {
namespace {

using nlohmann::json;

/// Under way at once in one namespace.
constexpr std::int64_t kMostUploads = 16;
/// Well below the longest body that a node takes from another, MAX_BODY.
constexpr std::size_t kPassedOnBytes = 256 * 1024;

Result<std::optional<std::uint64_t>> AskedOffset(const Call& call) {
  const auto found = call.request.query.find("offset");
  if (found == call.request.query.end()) return std::optional<std::uint64_t>();
  const auto offset = ToNumber<std::uint64_t>(found->second);
  if (!offset) return Fail(Code::kInvalid, "offset is not a number of bytes");
  return offset;
}

/// What is to become of the bytes; their blob is not known yet.
Result<store::Publication> ReadPublication(const Call& call) {
  const Fields fields(call.body);
  store::Publication wanted;
  wanted.name_space =
      NamespaceId(TRY(fields.NonEmpty("namespace")).value_or(call.caller.name_space.value));
  if (!call.caller.Manages(wanted.name_space)) {
    return Fail(Code::kNotFound, "namespace {:.63} not found", wanted.name_space);
  }
  wanted.shared = TRY(fields.Flag("shared", false));
  if (wanted.shared && !call.caller.IsAdmin()) {
    return Fail(Code::kForbidden, "only the namespace system may share artifacts");
  }
  wanted.type = TRY(fields.NonEmpty("artifact_type")).value_or("image");
  if (wanted.type != "image" && wanted.type != "other") {
    return Fail(Code::kInvalid, "artifact_type is neither image nor other");
  }
  // By this name a disk will ask for it.
  const std::string name = fmt::format("sf://upload/{}/{}", wanted.name_space, call.names.at(0));
  const auto usable = images::ParseImageRef(name);
  if (!usable) return Fail(usable.error().code, "the name is no good: {}", usable.error().message);
  wanted.source_url = TRY(fields.NonEmpty("source_url")).value_or(name);
  const auto source = images::ParseImageRef(wanted.source_url);
  if (!source || std::holds_alternative<images::BlankDisk>(*source)) {
    return Fail(Code::kInvalid, "source_url is neither a URL nor sf://...");
  }
  wanted.message = fmt::format("uploaded as {}", call.names.at(0));
  return wanted;
}

}  // namespace

Result<Response> Uploads::Create(const Call& call) {
  const Upload upload = TRY(store_.uploads.Create(call.caller.name_space, self_, kMostUploads));
  if (const auto begun = files_.Begin(upload.uuid.value); !begun) {
    TRY(store_.uploads.Delete(upload.uuid));
    return tl::unexpected(begun.error());
  }
  return Json({{"uuid", upload.uuid.value},
               {"node", upload.node.value},
               {"created_at", upload.created_at},
               {"state", "created"}});
}

Result<Upload> Uploads::Find(const Call& call, const std::string& uuid) const {
  if (IsUuid(uuid)) {
    const auto upload = store_.uploads.Find(UploadId(uuid));
    if (upload && call.caller.Owns(upload->name_space)) return *upload;
    if (!upload && upload.error().code != Code::kNotFound) return upload;
  }
  return Fail(Code::kNotFound, "upload {:.100} not found", uuid);
}

Result<Response> Uploads::Append(const Call& call) {
  const Upload upload = TRY(Find(call, call.names.at(0)));
  if (!free_streams_.Take()) {
    return Fail(Code::kUnavailable, "node {} takes in too many uploads already", self_);
  }
  Result<Response> added = AddTo(upload, call);
  free_streams_.GiveBack();
  return added;
}

Result<Response> Uploads::AddTo(const Upload& upload, const Call& call) {
  const auto at = TRY(AskedOffset(call));
  // From another node a piece comes whole, as it was signed.
  const images::UploadFiles::Source read = [&call](const ByteSink& sink) {
    return call.request.read_body ? call.request.read_body(sink) : sink(call.request.body);
  };
  if (upload.node != self_) return PassOn(upload, call, at, read);
  return Json(TRY(files_.Append(upload.uuid.value, at, read)));
}

// Each piece says where it belongs, once that is known: one that is late cannot be added twice.
Result<Response> Uploads::PassOn(const Upload& upload, const Call& call,
                                 std::optional<std::uint64_t> at,
                                 const images::UploadFiles::Source& read) {
  Request piece = call.request;
  piece.read_body = nullptr;
  piece.body.clear();
  std::optional<Response> answer;
  const auto send = [&]() -> Result<void> {
    piece.target = fmt::format("/upload/{}", upload.uuid);
    if (at) piece.target += fmt::format("?offset={}", *at);
    answer = TRY(forward_.To(upload.node, {piece, call.caller, call.names, {}, {}}));
    piece.body.clear();
    at = ToNumber<std::uint64_t>(answer->body);
    if (answer->status == 200 && at) return {};
    return Fail(Code::kUnavailable, "node {} did not take a piece", upload.node);
  };
  const auto sent = [&]() -> Result<void> {
    TRY(read([&](std::string_view bytes) -> Result<void> {
      piece.body += bytes;
      return piece.body.size() < kPassedOnBytes ? Result<void>() : send();
    }));
    return answer && piece.body.empty() ? Result<void>() : send();
  }();
  if (!sent && (!answer || answer->status == 200)) return tl::unexpected(sent.error());
  return *std::move(answer);
}

Result<Response> Uploads::Truncate(const Call& call) {
  const Upload upload = TRY(Find(call, call.names.at(0)));
  const auto offset = ToNumber<std::uint64_t>(call.names.at(1));
  if (!offset) return Fail(Code::kInvalid, "{:.40} is not a number of bytes", call.names.at(1));
  if (upload.node != self_) return forward_.To(upload.node, call);
  TRY(files_.Truncate(upload.uuid.value, *offset));
  return Json(nullptr);
}

Result<Response> Uploads::Publish(const Call& call) {
  const Fields fields(call.body);
  const auto upload_uuid = TRY(fields.NonEmpty("upload_uuid"));
  const auto blob_uuid = TRY(fields.NonEmpty("blob_uuid"));
  if (upload_uuid.has_value() == blob_uuid.has_value()) {
    return Fail(Code::kInvalid, "give one of upload_uuid and blob_uuid");
  }
  store::Publication wanted = TRY(ReadPublication(call));
  if (blob_uuid) {
    wanted.blob = TRY(FindBlob(store_.blobs, call.caller, *blob_uuid)).blob.uuid;
    return Json(View(TRY(store_.artifacts.Publish(wanted))));
  }
  const Upload upload = TRY(Find(call, *upload_uuid));
  if (upload.node != self_) return forward_.To(upload.node, call);
  // Before the upload is used up.
  TRY(store_.namespaces.Find(wanted.name_space));
  wanted.blob = TRY(Keep(upload));
  const Artifact artifact = TRY(store_.artifacts.Publish(wanted));
  TRY(store_.uploads.Delete(upload.uuid));
  return Json(View(artifact));
}

Result<BlobId> Uploads::Keep(const Upload& upload) {
  const images::BlobFile file = TRY(files_.Finish(upload.uuid.value, blobs_));
  Blob blob;
  blob.sha256 = file.digests.sha256;
  blob.sha512 = file.digests.sha512;
  blob.size = static_cast<std::int64_t>(file.bytes);
  blob.fetched_at = images::UnixNow();
  // Whatever it is, it is kept; as a disk it is judged again when one is made of it.
  if (const auto disk = images::IdentifyDiskImage(file.path, {})) {
    blob.virtual_size = static_cast<std::int64_t>(disk->virtual_bytes);
    blob.source_format = ToString(disk->format);
  }
  return TRY(store_.blobs.Store(self_, blob)).uuid;
}

}  // namespace sf::api
