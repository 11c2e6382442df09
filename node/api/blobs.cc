// SPDX-License-Identifier: Apache-2.0
#include "node/api/blobs.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "images/file.h"
#include "node/api/body.h"
#include "node/api/peer_blobs.h"
#include "node/api/views.h"
#include "node/base/number.h"
#include "node/base/uuid.h"

namespace sf::api {
namespace {

using nlohmann::json;

constexpr std::size_t kPieceBytes = 256 * 1024;
constexpr std::size_t kSha512Digits = 128;

/// A number of bytes in the query.
Result<std::uint64_t> QueryNumber(const Call& call, const char* name, std::uint64_t otherwise) {
  const auto found = call.request.query.find(name);
  if (found == call.request.query.end()) return otherwise;
  if (const auto number = ToNumber<std::uint64_t>(found->second)) return *number;
  return Fail(Code::kInvalid, "{} is not a number of bytes", name);
}

/// What is asked for of a file of so many bytes.
struct Span {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

Result<Span> AskedFor(const Call& call, std::uint64_t file_bytes) {
  const std::uint64_t offset = TRY(QueryNumber(call, "offset", 0));
  const std::uint64_t limit = TRY(QueryNumber(call, "limit", file_bytes));
  if (offset > file_bytes) {
    return Fail(Code::kInvalid, "offset {} is past the end: the blob has {} bytes", offset,
                file_bytes);
  }
  return Span{offset, std::min(limit, file_bytes - offset)};
}

store::BlobFilter VisibleTo(const Caller& caller, bool or_shared) {
  store::BlobFilter filter;
  if (!caller.IsAdmin()) filter.of = caller.Managed();
  filter.or_shared = or_shared;
  return filter;
}

/// The file is open: that it is evicted meanwhile takes nothing from its reader.
BodyStream FromFile(std::shared_ptr<const images::File> file, Span span) {
  return {span.bytes, [file = std::move(file), span](const ByteSink& sink) -> Result<void> {
            for (std::uint64_t done = 0; done < span.bytes;) {
              const auto count = std::min<std::uint64_t>(kPieceBytes, span.bytes - done);
              const std::string piece = TRY(file->ReadAt(span.offset + done, count));
              if (piece.size() < count) return Fail(Code::kCorrupt, "the file has become shorter");
              TRY(sink(piece));
              done += count;
            }
            return {};
          }};
}

Response ToResponse(BodyStream stream) {
  Response response;
  response.content_type = "application/octet-stream";
  response.stream = std::move(stream);
  return response;
}

Result<StoredBlob> Find(store::BlobStore& blobs, const Caller& caller, const std::string& uuid,
                        bool or_shared) {
  store::BlobFilter filter = VisibleTo(caller, or_shared);
  filter.uuid = BlobId(uuid);
  auto found = IsUuid(uuid) ? TRY(blobs.List(filter)) : std::vector<StoredBlob>{};
  if (found.empty()) return Fail(Code::kNotFound, "blob {:.100} not found", uuid);
  return std::move(found.front());
}

}  // namespace

Result<StoredBlob> FindBlob(store::BlobStore& blobs, const Caller& caller,
                            const std::string& uuid) {
  return Find(blobs, caller, uuid, /*or_shared=*/true);
}

Result<Response> Blobs::List(const Call& call) {
  store::BlobFilter filter;
  if (const auto node = TRY(Fields(call.body).NonEmpty("node"))) filter.on = NodeId(*node);
  return Json(ViewAll(TRY(store_.blobs.List(filter))));
}

Result<StoredBlob> Blobs::Resolve(const Call& call, bool to_change) const {
  return Find(store_.blobs, call.caller, call.names.at(0), /*or_shared=*/!to_change);
}

Result<Response> Blobs::Show(const Call& call) {
  return Json(View(TRY(Resolve(call, /*to_change=*/false))));
}

Result<Response> Blobs::FindDigest(const Call& call) {
  std::string digest = call.names.at(0);
  std::ranges::transform(digest, digest.begin(), [](char c) {
    return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (digest.size() != kSha512Digits ||
      digest.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return Fail(Code::kInvalid, "a SHA-512 has {} hexadecimal digits", kSha512Digits);
  }
  store::BlobFilter filter = VisibleTo(call.caller, /*or_shared=*/true);
  filter.sha512 = digest;
  const auto found = TRY(store_.blobs.List(filter));
  return Json(found.empty() ? json(nullptr) : View(found.front()));
}

// The files of two nodes may differ in length: what is asked for is cut from the one that is read.
Result<Response> Blobs::Data(const Call& call) {
  const StoredBlob stored = TRY(Resolve(call, /*to_change=*/false));
  if (const auto path = FileHere(stored.blob)) {
    auto file = std::make_shared<const images::File>(TRY(images::File::OpenForReading(*path)));
    const Span span = TRY(AskedFor(call, TRY(file->Size())));
    return ToResponse(Limited(call, FromFile(std::move(file), span)));
  }
  for (const BlobLocation& location : stored.locations) {
    if (location.node == self_ || !forward_.CanReach(location.node)) continue;
    const Span span = TRY(AskedFor(call, static_cast<std::uint64_t>(location.bytes)));
    return ToResponse(Limited(call, TRY(forward_.Stream(location.node, call, span.bytes))));
  }
  return Fail(Code::kUnavailable, "blob {} is on {}", stored.blob.uuid,
              OutOfReach(stored.locations));
}

std::optional<std::filesystem::path> Blobs::FileHere(const Blob& blob) {
  if (blob.stored) return files_.Find(blob.sha256);
  const auto image = cache_.FindDigest(blob.sha256);
  if (!image) return std::nullopt;
  cache_.Touch(image->sha256);
  return image->path;
}

BodyStream Blobs::Limited(const Call& call, BodyStream stream) {
  const bool is_copy = IsPeer(call.caller);
  auto& free = is_copy ? free_copies_ : free_streams_;
  // A node that copies is told to ask again, or another node; whoever else asks, to go away.
  const Code refusal = is_copy ? Code::kNotReady : Code::kUnavailable;
  return {stream.bytes,
          [this, &free, refusal,
           write = std::move(stream.write)](const ByteSink& sink) -> Result<void> {
            if (!free.Take()) {
              return Fail(refusal, "node {} gives out too many blobs already", self_);
            }
            Result<void> written = write(sink);
            free.GiveBack();
            return written;
          }};
}

Result<Response> Blobs::Metadata(const Call& call) {
  return Json(TRY(Resolve(call, /*to_change=*/false)).metadata);
}

Result<MetadataTarget> Blobs::MetadataToChange(const Call& call) {
  const auto set = [this, id = TRY(Resolve(call, /*to_change=*/true)).blob.uuid](
                       const std::string& key, const auto& value) {
    return store_.blobs.SetMetadata(id, key, value);
  };
  return MetadataTarget{set, CheckMetadata};
}

}  // namespace sf::api
