// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "node/api/tls.h"
#include "node/base/metrics.h"
#include "node/base/published.h"
#include "node/base/result.h"
#include "node/config.h"

namespace sf {

/// What the options API_TLS_… name, read from the disk, and again when it has changed there: so
/// certificates are renewed without a restart.
///
/// Thread: worker, one at a time; but server() and authorities() any.
class Certificates {
 public:
  /// kInvalid, naming the file: it is missing or broken, or others can read the key.
  static Result<std::unique_ptr<Certificates>> Read(const Config& config);

  /// Takes up what has changed; what is wrong is logged, and what was there stays. True: new
  /// connections see another certificate from now on.
  bool Refresh();

  /// Null: the API is plain HTTP.
  const api::TlsServer* server() const { return speaks_tls() ? &server_ : nullptr; }
  /// PEM; empty: the system's.
  std::shared_ptr<const std::string> authorities() const { return authorities_.Read(); }

  /// By which commands on this host know the API; empty if it is plain HTTP.
  std::string public_key() const { return speaks_tls() ? server_.public_key() : ""; }

  /// What an operator should look to, though it can be used; empty if nothing is.
  std::string Concern() const;

  /// Logs what the API shows if that is `fresh`, and any concern with it once a day.
  void Report(bool fresh);
  void AddMetrics(Metrics& metrics) const;

 private:
  explicit Certificates(const Config& config);

  bool speaks_tls() const { return !certificate_path_.empty(); }
  /// True: it is another one than before.
  Result<bool> ReadCertificate();
  Result<void> ReadAuthorities();

  const std::string certificate_path_;
  const std::string key_path_;
  const std::string authorities_path_;
  const std::string node_ip_;
  api::TlsServer server_;
  std::string certificate_;  ///< that is in use
  std::string key_;
  Published<std::string> authorities_;
  std::chrono::sys_days concern_reported_;
};

}  // namespace sf
