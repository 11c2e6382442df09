// SPDX-License-Identifier: Apache-2.0
#include "node/api/tls.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <csignal>
#include <ctime>
#include <utility>
#include <vector>

#include "node/base/check.h"

namespace sf::api {
namespace {

/// Of TLS 1.2; those of 1.3 are all good. A recorded conversation stays secret when the key of the
/// certificate is lost.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Certificate = std::unique_ptr<X509, FreeCertificate>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

Bio ToBio(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// What went wrong last; the queue is then empty, as OpenSSL wants it before the next call.
std::string TakeError() {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  std::string text = reason == nullptr ? "unknown" : reason;
  ERR_clear_error();
  return text;
}

/// Instead of a question on the terminal.
int NoPassPhrase(char*, int, int, void*) { return 0; }

/// All that are in it, at least one.
Result<std::vector<Certificate>> ReadCertificates(const Pem& pem) {
  const Bio bio = ToBio(pem.text);
  std::vector<Certificate> certificates;
  while (auto* const read = PEM_read_bio_X509(bio.get(), nullptr, NoPassPhrase, nullptr)) {
    certificates.emplace_back(read);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  const std::string cause = TakeError();
  if (!at_end) return Fail(Code::kInvalid, "{} holds a broken certificate: {}", pem.name, cause);
  if (certificates.empty()) {
    return Fail(Code::kInvalid, "{} holds no certificate in PEM", pem.name);
  }
  return certificates;
}

Result<Key> ReadKey(const Pem& pem) {
  Key key(PEM_read_bio_PrivateKey(ToBio(pem.text).get(), nullptr, NoPassPhrase, nullptr));
  if (key) return key;
  return Fail(Code::kInvalid, "{} holds no private key in PEM without a pass phrase: {}", pem.name,
              TakeError());
}

/// One that is no time is long ago.
std::chrono::system_clock::time_point ExpiryOf(const X509* certificate) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &parts) != 1) return {};
  return std::chrono::system_clock::from_time_t(::timegm(&parts));
}

std::string PublicKeyOf(const X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &bytes);
  SF_CHECK(size > 0);
  std::array<unsigned char, 32> digest;
  SF_CHECK(EVP_Digest(bytes, static_cast<std::size_t>(size), digest.data(), nullptr, EVP_sha256(),
                      nullptr) == 1);
  OPENSSL_free(bytes);
  std::array<unsigned char, 4 * (digest.size() / 3 + 1) + 1> text;
  EVP_EncodeBlock(text.data(), digest.data(), digest.size());
  return std::string("sha256//") + reinterpret_cast<const char*>(text.data());
}

void Restrict(SSL_CTX* context) {
  SF_CHECK(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
  SF_CHECK(SSL_CTX_set_cipher_list(context, kCiphers) == 1);
  // A peer that goes without a goodbye is no error: requests say how long they are.
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                   SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
  // Connections that wait for their next request keep no buffers.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_RELEASE_BUFFERS);
  // Sessions are resumed by tickets, which their clients keep.
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SF_CHECK(SSL_CTX_set_num_tickets(context, 1) == 1);
}

}  // namespace

void TlsSession::Free::operator()(ssl_st* session) const { SSL_free(session); }
void TlsServer::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }

Progress TlsSession::Handshake() {
  ERR_clear_error();
  return Outcome(SSL_accept(session_.get()), 0);
}

Progress TlsSession::Read(char* bytes, std::size_t size) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_read_ex(session_.get(), bytes, size, &count);
  return Outcome(result, count);
}

Progress TlsSession::Write(std::string_view bytes) {
  ERR_clear_error();
  std::size_t count = 0;
  const int result = SSL_write_ex(session_.get(), bytes.data(), bytes.size(), &count);
  return Outcome(result, count);
}

bool TlsSession::HasBuffered() const { return SSL_pending(session_.get()) > 0; }

void TlsSession::End() {
  if (std::exchange(broken_, true) || SSL_is_init_finished(session_.get()) == 0) return;
  ERR_clear_error();
  SSL_shutdown(session_.get());
}

Progress TlsSession::Outcome(int result, std::size_t bytes) {
  using State = Progress::State;
  if (result > 0) return {State::kDone, bytes};
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ: return {State::kWaitsToRead};
    case SSL_ERROR_WANT_WRITE: return {State::kWaitsToWrite};
    case SSL_ERROR_ZERO_RETURN: return {State::kEnded};
    default: break;
  }
  broken_ = true;
  if (ERR_peek_last_error() == 0) return {State::kEnded};  // The socket's own end, or a reset.
  return {State::kFailed, 0, TakeError()};
}

Result<void> TlsServer::Use(const Pem& chain, const Pem& key) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to peers that have gone, and would end us.
  context_.Write(TRY(Make(chain, key)));
  return {};
}

Result<TlsServer::Context> TlsServer::Make(const Pem& chain, const Pem& key) {
  ERR_clear_error();
  const auto certificates = TRY(ReadCertificates(chain));
  const Key private_key = TRY(ReadKey(key));
  Context made;
  made.context.reset(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const context = made.context.get();
  SF_CHECK(context != nullptr);
  Restrict(context);
  bool usable = SSL_CTX_use_certificate(context, certificates.front().get()) == 1;
  for (std::size_t i = 1; i < certificates.size(); ++i) {
    usable = usable && SSL_CTX_add1_chain_cert(context, certificates[i].get()) == 1;
  }
  if (!usable) {
    return Fail(Code::kInvalid, "{} holds a certificate that is not fit for use: {}", chain.name,
                TakeError());
  }
  if (SSL_CTX_use_PrivateKey(context, private_key.get()) != 1) {
    return Fail(Code::kInvalid, "the key in {} is not that of the certificate in {}: {}", key.name,
                chain.name, TakeError());
  }
  made.expires = ExpiryOf(certificates.front().get());
  made.public_key = PublicKeyOf(certificates.front().get());
  return made;
}

std::unique_ptr<TlsSession> TlsServer::Accept(int descriptor) const {
  SSL* const session = SSL_new(context_.Read()->context.get());
  SF_CHECK(session != nullptr && SSL_set_fd(session, descriptor) == 1);
  return std::unique_ptr<TlsSession>(new TlsSession(session));
}

bool TlsServer::IsFor(const std::string& ip) const {
  const auto context = context_.Read();
  return X509_check_ip_asc(SSL_CTX_get0_certificate(context->context.get()), ip.c_str(), 0) == 1;
}

Result<void> CheckAuthorities(const Pem& authorities) {
  ERR_clear_error();
  TRY(ReadCertificates(authorities));
  return {};
}

}  // namespace sf::api
