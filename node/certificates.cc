// SPDX-License-Identifier: Apache-2.0
#include "node/certificates.h"

#include <fmt/chrono.h>

#include "node/base/log.h"
#include "node/private_file.h"

namespace sf {
namespace {

using Clock = std::chrono::system_clock;

constexpr std::chrono::days kExpiresSoon{14};

std::string ToDate(Clock::time_point time) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(Clock::to_time_t(time)));
}

}  // namespace

Certificates::Certificates(const Config& config)
    : certificate_path_(config.api_tls_cert),
      key_path_(config.api_tls_key),
      authorities_path_(config.api_tls_ca),
      node_ip_(config.node_ip) {}

Result<std::unique_ptr<Certificates>> Certificates::Read(const Config& config) {
  auto certificates = std::unique_ptr<Certificates>(new Certificates(config));
  TRY(certificates->ReadCertificate());
  TRY(certificates->ReadAuthorities());
  return certificates;
}

bool Certificates::Refresh() {
  const auto changed = ReadCertificate();
  if (!changed) log::Warn("the API keeps its certificate error={}", changed.error().message);
  if (const auto done = ReadAuthorities(); !done) {
    log::Warn("the authorities stay what they were error={}", done.error().message);
  }
  Report(changed.value_or(false));
  return changed.value_or(false);
}

// Compared by their text: it is short, and a copy may keep the time of its original.
Result<bool> Certificates::ReadCertificate() {
  if (!speaks_tls()) return false;
  std::string certificate = TRY(ReadPrivateFile(certificate_path_));
  std::string key = TRY(ReadSecretFile(key_path_));
  if (certificate == certificate_ && key == key_) return false;
  TRY(server_.Use({"API_TLS_CERT " + certificate_path_, certificate},
                  {"API_TLS_KEY " + key_path_, key}));
  certificate_ = std::move(certificate);
  key_ = std::move(key);
  return true;
}

Result<void> Certificates::ReadAuthorities() {
  if (authorities_path_.empty()) return {};
  std::string text = TRY(ReadPrivateFile(authorities_path_));
  if (text == *authorities_.Read()) return {};
  TRY(api::CheckAuthorities({"API_TLS_CA " + authorities_path_, text}));
  authorities_.Write(std::move(text));
  return {};
}

std::string Certificates::Concern() const {
  if (!speaks_tls()) return {};
  if (!server_.IsFor(node_ip_)) {
    return fmt::format("it is not for {}, so other nodes will not take it", node_ip_);
  }
  const auto left = server_.expires() - Clock::now();
  if (left >= kExpiresSoon) return {};
  return left.count() > 0 ? "it expires soon" : "it has expired";
}

void Certificates::Report(bool fresh) {
  if (!speaks_tls()) return;
  if (fresh) {
    log::Info("the API speaks HTTPS certificate={} expires={}", certificate_path_,
              ToDate(server_.expires()));
  }
  const auto today = std::chrono::floor<std::chrono::days>(Clock::now());
  const std::string concern = Concern();
  if (concern.empty() || (!fresh && today == concern_reported_)) return;
  concern_reported_ = today;
  log::Warn("the API's certificate should be renewed: {} certificate={} expires={}", concern,
            certificate_path_, ToDate(server_.expires()));
}

void Certificates::AddMetrics(Metrics& metrics) const {
  if (!speaks_tls()) return;
  metrics.Gauge(
      "shakenfist_api_certificate_expiry_timestamp_seconds",
      "When the certificate of the API expires, since 1970.", [this] {
        return std::chrono::duration<double>(server_.expires().time_since_epoch()).count();
      });
}

}  // namespace sf
