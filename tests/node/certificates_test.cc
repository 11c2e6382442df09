// SPDX-License-Identifier: Apache-2.0
#include "node/certificates.h"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "tests/images/test_directory.h"
#include "tests/node/api/test_certificates.h"

namespace sf {
namespace {

using Catch::Matchers::Contains;

/// The files that the options name.
struct Files {
  Files() {
    config.node_ip = "192.0.2.1";
    config.api_tls_cert = directory / "node.pem";
    config.api_tls_key = directory / "node.key";
    config.api_tls_ca = directory / "ca.pem";
    Write(api::MakeCertificate(authority, "IP:192.0.2.1"));
    test::WriteFile(config.api_tls_ca, authority.certificate);
  }
  void Write(const api::TestCertificate& made) const {
    test::WriteFile(config.api_tls_cert, made.certificate);
    test::WriteFile(config.api_tls_key, made.key);
    ::chmod(config.api_tls_key.c_str(), S_IRUSR | S_IWUSR);
  }
  std::string Refusal() const {
    const auto read = Certificates::Read(config);
    return read ? "none" : read.error().message;
  }

  const test::TestDirectory directory;
  const api::TestCertificate authority = api::MakeAuthority("authority");
  Config config;
};

TEST_CASE("Certificates: without the options the API is plain HTTP") {
  const auto none = Certificates::Read(Config());
  REQUIRE(none);
  CHECK((*none)->server() == nullptr);
  CHECK((*none)->authorities()->empty());
  CHECK((*none)->public_key().empty());
  CHECK_FALSE((*none)->Refresh());
}

TEST_CASE("Certificates: a node may know the authority before it has a certificate") {
  Files files;
  files.config.api_tls_cert.clear();
  files.config.api_tls_key.clear();
  const auto read = Certificates::Read(files.config);
  REQUIRE(read);
  CHECK((*read)->server() == nullptr);
  CHECK(*(*read)->authorities() == files.authority.certificate);
}

TEST_CASE("Certificates: what is missing, broken or open to others is refused, with its name") {
  Files files;
  CHECK(files.Refusal() == "none");
  ::chmod(files.config.api_tls_key.c_str(), 0640);
  CHECK_THAT(files.Refusal(), Contains("node.key may be read by others than its owner"));
  ::chmod(files.config.api_tls_key.c_str(), 0600);
  test::WriteFile(files.config.api_tls_ca, "nothing");
  CHECK_THAT(files.Refusal(), Contains("API_TLS_CA ") && Contains("holds no certificate"));
  std::filesystem::remove(files.config.api_tls_ca);
  CHECK_THAT(files.Refusal(), Contains("ca.pem: No such file"));
  std::filesystem::remove(files.config.api_tls_cert);
  CHECK_THAT(files.Refusal(), Contains("node.pem: No such file"));
}

TEST_CASE("Certificates: what is new is taken up, and what is broken is not") {
  Files files;
  const auto certificates = *Certificates::Read(files.config);
  const std::string first = certificates->public_key();
  CHECK_FALSE(certificates->Refresh());

  test::WriteFile(files.config.api_tls_cert, "half a cert");
  test::WriteFile(files.config.api_tls_ca, "half a cert");
  CHECK_FALSE(certificates->Refresh());
  CHECK(certificates->public_key() == first);
  CHECK(*certificates->authorities() == files.authority.certificate);

  const auto other = api::MakeAuthority("other");
  files.Write(api::MakeCertificate(other, "IP:192.0.2.1"));
  test::WriteFile(files.config.api_tls_ca, other.certificate + files.authority.certificate);
  CHECK(certificates->Refresh());
  CHECK(certificates->public_key() != first);
  CHECK(*certificates->authorities() == other.certificate + files.authority.certificate);
}

TEST_CASE("Certificates: what an operator should look to is said") {
  Files files;
  const auto concern = [&files](const std::string& names, std::chrono::hours valid) {
    files.Write(api::MakeCertificate(files.authority, names, valid));
    const auto read = Certificates::Read(files.config);
    REQUIRE(read);
    return (*read)->Concern();
  };
  using std::chrono::days;
  CHECK(concern("IP:192.0.2.1", days(15)).empty());
  CHECK(concern("IP:192.0.2.1", days(13)) == "it expires soon");
  CHECK(concern("IP:192.0.2.1", days(-1)) == "it has expired");
  CHECK_THAT(concern("DNS:n1,IP:192.0.2.2", days(90)), Contains("not for 192.0.2.1"));
}

}  // namespace
}  // namespace sf
