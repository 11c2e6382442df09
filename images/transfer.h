// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "images/digest.h"
#include "images/file.h"
#include "node/base/http_client.h"
#include "node/base/result.h"

namespace sf::images {

struct TransferLimits {
  std::uint64_t max_bytes = std::uint64_t{50} << 30;
  int redirects = 5;
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::seconds stall_timeout{30};
  int attempts = 4;                        ///< of a transfer that breaks off, together
  std::chrono::milliseconds backoff{500};  ///< before the second; doubles each time
  HttpGuard guard = {};                    ///< which servers may be asked; none: all
};

/// By what a server tells whether a body has changed. Each may be empty.
struct Validators {
  std::string etag;
  std::string last_modified;
};

/// How many bytes of how many have come; a total of 0 is not known. Called a few times a second.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

struct Transferred {
  bool not_modified = false;  ///< the copy that `held` describes is still right; all below is empty
  std::string sha256 = {};
  std::string sha512 = {};
  std::uint64_t bytes = 0;
  Validators validators = {};
};

/// One body, from a URL into a file: digested as it comes, resumed where it broke off if the server
/// can, begun again if not. No size that a server states is believed: it is a limit and a hope.
///
/// Thread: worker (blocks). For one Run().
class Transfer {
 public:
  /// With `held`, the body is asked for only if it differs from the one that `held` describes.
  Transfer(std::string url, std::optional<Validators> held, File& file,
           const TransferLimits& limits, const Progress& progress, const std::stop_token& stop);

  Result<Transferred> Run();

 private:
  Result<void> Attempt();
  HttpHeaders RequestHeaders() const;
  /// Takes in an answer's head; false if its body is not wanted, with the reason in refusal_.
  bool OnHead(const HttpHead& head);
  bool BeginBody(const HttpHead& head);
  bool ContinueBody(const HttpHead& head);
  Result<void> OnBytes(std::string_view bytes);
  bool Refuse(Code code, std::string reason);
  bool StartOver();  ///< false: refusal_ says why not
  void Report(bool now);
  tl::unexpected<Error> Explain(const Error& error, int attempts) const;

  const std::string url_;
  const std::optional<Validators> held_;
  File& file_;
  const TransferLimits& limits_;
  const Progress& progress_;
  const std::stop_token& stop_;
  HttpClient client_;

  RunningDigest digest_;
  std::uint64_t received_ = 0;
  std::uint64_t total_ = 0;  ///< as the server states it; 0: it does not
  Validators validators_;    ///< of the body that is coming
  bool not_modified_ = false;
  std::optional<Error> refusal_;
  std::chrono::steady_clock::time_point reported_;
};

}  // namespace sf::images
