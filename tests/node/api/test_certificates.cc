// SPDX-License-Identifier: Apache-2.0
#include "tests/node/api/test_certificates.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <catch2/catch.hpp>
#include <memory>

namespace sf::api {
namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;

std::string TextOf(BIO* bio) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

void Extend(X509* certificate, X509* issuer, int what, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, what, value.c_str());
  REQUIRE(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

/// Signed by `authority`, or by itself.
TestCertificate Make(const TestCertificate* authority, const std::string& name, int extension,
                     const std::string& value, std::chrono::hours valid) {
  const Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const Certificate made(X509_new(), &X509_free);
  static long serial = 1;
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
  X509_gmtime_adj(X509_getm_notAfter(made.get()),
                  std::chrono::duration_cast<std::chrono::seconds>(valid).count());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_set_pubkey(made.get(), key.get());

  Certificate issuer(nullptr, &X509_free);
  Key issuers_key(nullptr, &EVP_PKEY_free);
  if (authority != nullptr) {
    const auto open = [](const std::string& text) {
      return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), &BIO_free);
    };
    issuer.reset(PEM_read_bio_X509(open(authority->certificate).get(), nullptr, nullptr, nullptr));
    issuers_key.reset(
        PEM_read_bio_PrivateKey(open(authority->key).get(), nullptr, nullptr, nullptr));
  }
  X509* const signer = issuer ? issuer.get() : made.get();
  X509_set_issuer_name(made.get(), X509_get_subject_name(signer));
  Extend(made.get(), signer, extension, value);
  REQUIRE(X509_sign(made.get(), issuers_key ? issuers_key.get() : key.get(), EVP_sha256()) > 0);

  const Bio certificate_text(BIO_new(BIO_s_mem()), &BIO_free);
  const Bio key_text(BIO_new(BIO_s_mem()), &BIO_free);
  PEM_write_bio_X509(certificate_text.get(), made.get());
  PEM_write_bio_PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {TextOf(certificate_text.get()), TextOf(key_text.get())};
}

}  // namespace

TestCertificate MakeAuthority(const std::string& name, const TestCertificate* above) {
  return Make(above, name, NID_basic_constraints, "critical,CA:TRUE", std::chrono::hours(24));
}

TestCertificate MakeCertificate(const TestCertificate& authority, const std::string& names,
                                std::chrono::hours valid) {
  return Make(&authority, "node", NID_subject_alt_name, names, valid);
}

}  // namespace sf::api
