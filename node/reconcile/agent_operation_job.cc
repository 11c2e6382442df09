// SPDX-License-Identifier: Apache-2.0
#include "node/reconcile/agent_operation_job.h"

#include <system_error>

#include "images/image_index.h"
#include "node/base/log.h"
#include "node/base/pause.h"
#include "node/reconcile/crash_point.h"

namespace sf::reconcile {
namespace {

using nlohmann::json;

/// Longer output than this is a blob, and not a part of the row.
constexpr std::size_t kMaxInline = 10 * 1024;
/// What was done is not forgotten because the database is away for a moment.
constexpr int kRecordAttempts = 60;

void Remove(const std::filesystem::path& file) {
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
}

}  // namespace

Result<std::unique_ptr<AgentRun>> AgentOperationJob::Begin(const AgentOperation& operation,
                                                           const std::stop_token& stop) {
  using Run = std::unique_ptr<AgentRun>;
  auto prepared = Prepare(operation, stop);
  Result<void> claimed;
  if (prepared) claimed = store_.agent_operations.Claim(operation.uuid);
  if (prepared && claimed) {
    CrashPoint("agent", "claim");
    return std::make_unique<AgentRun>(operation, *std::move(prepared));
  }
  const Error error = prepared ? claimed.error() : prepared.error();
  if (error.code == Code::kConflict) return Run();
  if (error.code == Code::kUnavailable || error.code == Code::kNotReady) {
    return tl::unexpected(error);
  }
  TRY(store_.agent_operations.Fail(operation, error.message));
  return Run();
}

Result<AgentRun::Files> AgentOperationJob::Prepare(const AgentOperation& operation,
                                                   const std::stop_token& stop) {
  TRY(store_.agent_operations.BeginPreflight(operation.uuid));
  AgentRun::Files files;
  for (const BlobId& id : BlobsToPut(operation.commands)) {
    files.to_put[id] = TRY(Bring(id, stop));
  }
  files.fetched = blobs_.NewPart();
  files.most_bytes = settings_.most_bytes;
  files.reserve_bytes = settings_.reserve_bytes;
  CrashPoint("agent", "preflight");
  return files;
}

Result<std::filesystem::path> AgentOperationJob::Bring(const BlobId& id,
                                                       const std::stop_token& stop) {
  const auto found = TRY(store_.blobs.List({.uuid = id}));
  if (found.empty()) return sf::Fail(Code::kNotFound, "blob {} not found", id);
  const Blob& blob = found[0].blob;
  if (static_cast<std::uint64_t>(blob.size) > settings_.most_bytes) {
    return sf::Fail(Code::kTooLarge, "blob {} has more than {} bytes", id, settings_.most_bytes);
  }
  return TRY(shelf_.Bring(blob, stop)).path;
}

void AgentOperationJob::End(std::unique_ptr<AgentRun> run, double seconds,
                            const std::stop_token& stop) {
  CrashPoint("agent", "run");
  const AgentOperation& operation = run->operation();
  for (int attempt = 1;; ++attempt) {
    const auto done =
        run->error() ? store_.agent_operations.Fail(operation, *run->error()) : Keep(*run, seconds);
    if (done || done.error().code == Code::kConflict) break;
    if (done.error().code == Code::kUnavailable && attempt < kRecordAttempts &&
        Pause(std::chrono::seconds(1), stop)) {
      continue;
    }
    log::Warn("what an agent did is not recorded operation={} error={}", operation.uuid,
              done.error().message);
    Fail(operation, done.error().message);
    break;
  }
  Remove(run->files().fetched);
}

void AgentOperationJob::Fail(const AgentOperation& operation, const std::string& message) {
  const auto done = store_.agent_operations.Fail(operation, message);
  if (!done) log::Warn("an operation goes on operation={} error={}", operation.uuid, message);
}

// May be repeated: bytes that are kept already are kept once.
Result<void> AgentOperationJob::Keep(const AgentRun& run, double seconds) {
  std::vector<BlobId> blobs;
  json results = run.results();
  for (json& result : results) {
    for (const char* stream : {"stdout", "stderr"}) {
      const auto text = result.find(stream);
      if (text == result.end() || text->get_ref<const std::string&>().size() <= kMaxInline) {
        continue;
      }
      blobs.push_back(TRY(Record(TRY(blobs_.KeepBytes(text->get_ref<const std::string&>())))));
      result.erase(stream);
      result[std::string(stream) + "_blob"] = blobs.back().value;
    }
    if (!run.has_fetched() || !result.contains("size")) continue;
    std::error_code error;
    // A link, as what is kept is used up, and this may have to be repeated.
    const std::filesystem::path part = blobs_.NewPart();
    std::filesystem::create_hard_link(run.files().fetched, part, error);
    if (error) return sf::Fail(Code::kInternal, "{}: {}", part.string(), error.message());
    blobs.push_back(TRY(Record(TRY(blobs_.Keep(part)))));
    result["content_blob"] = blobs.back().value;
  }
  return store_.agent_operations.Complete(run.operation(), results, blobs, seconds);
}

Result<BlobId> AgentOperationJob::Record(const images::BlobFile& file) {
  Blob blob;
  blob.sha256 = file.digests.sha256;
  blob.sha512 = file.digests.sha512;
  blob.size = static_cast<std::int64_t>(file.bytes);
  blob.fetched_at = images::UnixNow();
  return TRY(store_.blobs.Store(settings_.self, blob)).uuid;
}

}  // namespace sf::reconcile
