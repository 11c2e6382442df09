// SPDX-License-Identifier: Apache-2.0
#include "images/transfer.h"

#include <algorithm>
#include <utility>

#include "node/base/number.h"
#include "node/base/pause.h"

namespace sf::images {
namespace {

constexpr auto kReportEvery = std::chrono::milliseconds(200);

/// A validator as the server wrote it, since it is sent back and written down; nothing where it is
/// not fit for that.
std::string Validator(const HttpHead& head, const std::string& name) {
  constexpr std::size_t kMaxBytes = 1024;
  std::string value = head.Header(name);
  const auto is_strange = [](char c) { return c < 0x20 || c == 0x7f; };
  if (value.size() > kMaxBytes || std::any_of(value.begin(), value.end(), is_strange)) return {};
  return value;
}

/// Only these let a server check that what it sends from the middle fits to what we have; a weak
/// ETag does not promise equal bytes.
std::string ResumeValidator(const Validators& validators) {
  if (!validators.etag.empty() && !validators.etag.starts_with("W/")) return validators.etag;
  return validators.last_modified;
}

Code ToCode(int status) {
  switch (status) {
    case 404:
    case 410: return Code::kNotFound;
    case 401:
    case 403: return Code::kForbidden;
    case 408:
    case 429: return Code::kUnavailable;
    default: return status >= 500 ? Code::kUnavailable : Code::kInvalid;
  }
}

bool MayPass(const Error& error) {
  return error.code == Code::kUnavailable || error.code == Code::kTimeout;
}

}  // namespace

Transfer::Transfer(std::string url, std::optional<Validators> held, File& file,
                   const TransferLimits& limits, const Progress& progress,
                   const std::stop_token& stop)
    : url_(std::move(url)),
      held_(std::move(held)),
      file_(file),
      limits_(limits),
      progress_(progress),
      stop_(stop) {}

Result<Transferred> Transfer::Run() {
  for (int attempt = 1;; ++attempt) {
    const Result<void> done = Attempt();
    if (done) break;
    // Whoever holds a copy can go on without an answer; one try is enough to learn that none comes.
    const bool content = held_ && received_ == 0;
    if (!MayPass(done.error()) || attempt >= limits_.attempts || content ||
        stop_.stop_requested()) {
      return Explain(done.error(), attempt);
    }
    (void)Pause(limits_.backoff * (1 << (attempt - 1)), stop_);
  }
  if (not_modified_) return Transferred{.not_modified = true};
  Report(/*now=*/true);
  return Transferred{.sha256 = digest_.FinishSha256(),
                     .sha512 = digest_.FinishSha512(),
                     .bytes = received_,
                     .validators = validators_};
}

Result<void> Transfer::Attempt() {
  refusal_.reset();
  if (received_ > 0 && ResumeValidator(validators_).empty() && !StartOver()) {
    return tl::unexpected(*refusal_);
  }
  const HttpDownload download{.url = url_,
                              .headers = RequestHeaders(),
                              .redirects = limits_.redirects,
                              .connect_timeout = limits_.connect_timeout,
                              .stall_timeout = limits_.stall_timeout,
                              .max_bytes = limits_.max_bytes,
                              .guard = limits_.guard};
  const Result<HttpHead> head = client_.Download(
      download, [this](const HttpHead& answer) { return OnHead(answer); },
      [this](std::string_view bytes) { return OnBytes(bytes); }, stop_);
  if (refusal_) return tl::unexpected(*refusal_);
  if (!head) return tl::unexpected(head.error());
  // libcurl holds a server to the length of each answer; a part may still be shorter than the rest.
  if (!not_modified_ && total_ > 0 && received_ != total_) {
    return Fail(Code::kUnavailable, "GET {}: the body ended early", url_);
  }
  return {};
}

HttpHeaders Transfer::RequestHeaders() const {
  HttpHeaders headers;
  if (received_ > 0) {
    headers["Range"] = fmt::format("bytes={}-", received_);
    headers["If-Range"] = ResumeValidator(validators_);
  } else if (held_) {
    if (!held_->etag.empty()) headers["If-None-Match"] = held_->etag;
    if (!held_->last_modified.empty()) headers["If-Modified-Since"] = held_->last_modified;
  }
  return headers;
}

bool Transfer::OnHead(const HttpHead& head) {
  switch (head.status) {
    case 200: return BeginBody(head);
    case 206: return ContinueBody(head);
    case 304:
      not_modified_ = held_ && received_ == 0;
      return not_modified_ ? false
                           : Refuse(Code::kInvalid, "the server answered 304 to no condition");
    case 416:  // There is nothing after what we have: then what we have is not the body.
      return StartOver() && Refuse(Code::kUnavailable, "the server cannot resume");
    default: return Refuse(ToCode(head.status), fmt::format("the server answered {}", head.status));
  }
}

bool Transfer::BeginBody(const HttpHead& head) {
  if (received_ > 0 && !StartOver()) return false;
  validators_ = {Validator(head, "etag"), Validator(head, "last-modified")};
  total_ = ToNumber<std::uint64_t>(head.Header("content-length")).value_or(0);
  if (total_ > limits_.max_bytes) {
    return Refuse(Code::kTooLarge,
                  fmt::format("its {} bytes exceed the limit of {}", total_, limits_.max_bytes));
  }
  return true;
}

bool Transfer::ContinueBody(const HttpHead& head) {
  const std::string expected = fmt::format("bytes {}-", received_);
  const std::string etag = Validator(head, "etag");
  if (received_ > 0 && head.Header("content-range").starts_with(expected) &&
      (etag.empty() || etag == validators_.etag)) {
    return true;
  }
  return StartOver() &&
         Refuse(Code::kUnavailable, "the server sent another part than it was asked for");
}

Result<void> Transfer::OnBytes(std::string_view bytes) {
  if (bytes.size() > limits_.max_bytes - received_) {
    return Fail(Code::kTooLarge, "GET {}: the body exceeds the limit of {} bytes", url_,
                limits_.max_bytes);
  }
  TRY(file_.WriteAt(received_, bytes));
  digest_.Update(bytes);
  received_ += bytes.size();
  Report(/*now=*/false);
  return {};
}

bool Transfer::Refuse(Code code, std::string reason) {
  refusal_ = Error{code, fmt::format("GET {}: {}", url_, reason)};
  return false;
}

bool Transfer::StartOver() {
  if (Result<void> emptied = file_.Resize(0); !emptied) {
    refusal_ = std::move(emptied).error();
    return false;
  }
  digest_ = {};
  received_ = 0;
  total_ = 0;
  return true;
}

void Transfer::Report(bool now) {
  const auto time = std::chrono::steady_clock::now();
  if (!progress_ || (!now && time - reported_ < kReportEvery)) return;
  reported_ = time;
  progress_(received_, total_);
}

tl::unexpected<Error> Transfer::Explain(const Error& error, int attempts) const {
  std::string message = error.message;
  if (received_ > 0 && MayPass(error)) {
    message += total_ > 0 ? fmt::format("; {} of {} bytes came", received_, total_)
                          : fmt::format("; {} bytes came", received_);
  }
  if (attempts > 1) message += fmt::format(" (attempt {} of {})", attempts, limits_.attempts);
  return tl::unexpected(Error{error.code, std::move(message)});
}

}  // namespace sf::images
