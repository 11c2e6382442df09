// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <string>

namespace sf::api {

/// A certificate and its key, in PEM, made for a test.
struct TestCertificate {
  std::string certificate;
  std::string key;
};

/// Signed by itself, or by `above`.
TestCertificate MakeAuthority(const std::string& name, const TestCertificate* above = nullptr);

/// For the server at `names`, as in a certificate's subjectAltName: "IP:127.0.0.1,DNS:n1".
TestCertificate MakeCertificate(const TestCertificate& authority, const std::string& names,
                                std::chrono::hours valid = std::chrono::hours(24 * 90));

}  // namespace sf::api
