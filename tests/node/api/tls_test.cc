// SPDX-License-Identifier: Apache-2.0
// HTTPS: what only TLS brings with it. That all else works over it too, http_server_test.cc and
// http_stream_test.cc show.
#include "node/api/tls.h"

#include <catch2/catch.hpp>
#include <thread>

#include "node/base/http_client.h"
#include "tests/node/api/test_server.h"

namespace sf::api {
namespace {

using Catch::Matchers::Contains;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

/// A record that says it is a handshake of 512 bytes, and two of them.
const std::string kHalfHello("\x16\x03\x01\x02\x00\x01\x00", 7);

Response Hello(const Request&) { return {.body = "hello"}; }

HttpOptions Options(const TlsServer& tls = TestTls()) {
  HttpOptions options = TestOptions();
  options.tls = &tls;
  return options;
}

Result<HttpResponse> Ask(const TestServer& served, HttpTrust trust,
                         const char* host = "127.0.0.1") {
  return HttpClient().Request({.url = fmt::format("https://{}:{}/", host, served.server.port()),
                               .trust = std::move(trust)});
}

Result<void> Use(TlsServer& tls, const TestCertificate& made) {
  return tls.Use({"chain.pem", made.certificate}, {"key.pem", made.key});
}

}  // namespace

TEST_CASE("TLS: a client that knows the authority believes the server, and no other does") {
  const TestServer served(Options(), Hello);
  const auto answer = Ask(served, {.authorities = Authority().certificate});
  REQUIRE(answer);
  CHECK(answer->body == "hello");

  CHECK_THAT(Ask(served, {}).error().message, Contains("its certificate is not trusted here: ") &&
                                                  Contains("unable to get local issuer"));
  const auto other = MakeAuthority("another");
  CHECK_THAT(Ask(served, {.authorities = other.certificate}).error().message,
             Contains("its certificate is not trusted here"));
  CHECK_THAT(Ask(served, {.authorities = Authority().certificate}, "localhost").error().message,
             Contains("localhost"));
  CHECK(Ask(served, {.authorities = "nonsense"}).error().message.find("authorities") !=
        std::string::npos);
}

TEST_CASE("TLS: a server is known by its key alone, whatever its certificate says") {
  TlsServer tls;
  REQUIRE(Use(tls, MakeCertificate(Authority(), "DNS:elsewhere.example", -1h)));  // and expired
  const TestServer served(Options(tls), Hello);
  CHECK(Ask(served, {.public_key = tls.public_key()}));
  CHECK_THAT(Ask(served, {.authorities = Authority().certificate}).error().message,
             Contains("certificate has expired"));
  const auto wrong = Ask(served, {.public_key = TestTls().public_key()});
  REQUIRE_FALSE(wrong);
  CHECK_THAT(wrong.error().message, Contains("another server than the one that was meant"));
}

TEST_CASE("TLS: who speaks plain HTTP is told so in plain HTTP") {
  const TestServer served(Options(), Hello);
  for (const char* method : {"GET", "DELETE", "PATCH"}) {
    RawClient client(served.server.port());
    client.Send(std::string(method) + " /instances HTTP/1.1\r\n\r\n");
    const RawAnswer answer = client.Read();
    CHECK(answer.status == 400);
    CHECK_THAT(answer.body, Contains("HTTPS") && Contains("https://"));
    CHECK(client.IsClosed());
  }
  CHECK(served.server.figures().requests == 0);
}

TEST_CASE("TLS: half a handshake holds no thread, and is closed when it was silent for too long") {
  HttpOptions options = Options();
  options.threads = 2;
  options.idle = 2s;
  const TestServer served(options, Hello);
  std::vector<RawClient> half;
  for (int i = 0; i < 20; ++i) half.emplace_back(served.server.port()).Send(kHalfHello);
  std::vector<RawClient> silent;  // after the handshake
  for (int i = 0; i < 20; ++i) silent.push_back(served.Connect());
  const auto begin = Clock::now();
  CHECK(Ask(served, {.authorities = Authority().certificate}));
  CHECK(Clock::now() - begin < 1s);
  for (RawClient& client : half) CHECK(client.IsClosed());
  for (RawClient& client : silent) CHECK(client.IsClosed());
}

TEST_CASE("TLS: a handshake that drips in is cut off") {
  HttpOptions options = Options();
  options.limits.request = 200ms;
  const TestServer served(options, Hello);
  RawClient client(served.server.port());
  client.Send(kHalfHello);
  const auto begin = Clock::now();
  while (client.Send("\x01") && Clock::now() - begin < 5s) std::this_thread::sleep_for(10ms);
  CHECK(Clock::now() - begin < 4s);
  CHECK(served.server.figures().requests == 0);
}

TEST_CASE("TLS: what is no handshake ends the connection") {
  const TestServer served(Options(), Hello);
  RawClient client(served.server.port());
  client.Send(std::string("\x16\x03\x01\x00\x04garbage", 12));
  CHECK(client.ReadToEnd().substr(0, 1) == "\x15");  // An alert.
}

TEST_CASE("TLS: another certificate counts from the next connection on") {
  TlsServer tls;
  REQUIRE(Use(tls, MakeCertificate(Authority(), "IP:127.0.0.1")));
  const std::string before = tls.public_key();
  const TestServer served(Options(tls), Hello);
  RawClient kept = served.Connect();
  kept.Send(WithBody("GET", "/", ""));
  CHECK(kept.Read().status == 200);

  REQUIRE(Use(tls, MakeCertificate(Authority(), "IP:127.0.0.1")));
  CHECK(tls.public_key() != before);
  CHECK_FALSE(Ask(served, {.public_key = before}));
  CHECK(Ask(served, {.public_key = tls.public_key()}));
  kept.Send(WithBody("GET", "/", ""));
  CHECK(kept.Read().status == 200);
}

TEST_CASE("TLS: what cannot be used is refused with its name, and what was there stays") {
  TlsServer tls;
  const auto good = MakeCertificate(Authority(), "IP:127.0.0.1", 48h);
  const auto other = MakeCertificate(Authority(), "IP:127.0.0.1");
  REQUIRE(Use(tls, good));
  const auto refusal = [&](const std::string& chain, const std::string& key) {
    const auto used = tls.Use({"chain.pem", chain}, {"key.pem", key});
    REQUIRE_FALSE(used);
    CHECK(used.error().code == Code::kInvalid);
    CHECK(used.error().message.find("PRIVATE") == std::string::npos);
    return used.error().message;
  };
  CHECK_THAT(refusal("", good.key), Contains("chain.pem holds no certificate in PEM"));
  CHECK_THAT(refusal(good.certificate.substr(0, 200), good.key), Contains("chain.pem"));
  CHECK_THAT(refusal(good.certificate, ""), Contains("key.pem holds no private key"));
  CHECK_THAT(refusal(good.certificate, other.key),
             Contains("the key in key.pem is not that of the certificate in chain.pem"));
  CHECK(Ask(TestServer(Options(tls), Hello), {.authorities = Authority().certificate}));

  const auto left = tls.expires() - std::chrono::system_clock::now();
  CHECK(left > 47h);
  CHECK(left <= 48h);
  CHECK(tls.IsFor("127.0.0.1"));
  CHECK_FALSE(tls.IsFor("127.0.0.2"));
  CHECK(CheckAuthorities({"ca.pem", Authority().certificate + other.certificate}));
  CHECK_FALSE(CheckAuthorities({"ca.pem", "no certificate"}));
}

TEST_CASE("TLS: a certificate comes with those of the authorities above it") {
  const auto between = MakeAuthority("between", &Authority());
  const auto made = MakeCertificate(between, "IP:127.0.0.1");
  TlsServer tls;
  REQUIRE(tls.Use({"chain.pem", made.certificate + between.certificate}, {"key.pem", made.key}));
  const TestServer served(Options(tls), Hello);
  CHECK(Ask(served, {.authorities = Authority().certificate}));
}

}  // namespace sf::api
