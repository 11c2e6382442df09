// SPDX-License-Identifier: Apache-2.0
#include "tests/node/api/test_server.h"

#include <catch2/catch.hpp>
#include <memory>

namespace sf::api {
namespace {

using namespace std::chrono_literals;

bool over_tls = false;

}  // namespace

const TestCertificate& Authority() {
  static const TestCertificate authority = MakeAuthority("an authority for tests");
  return authority;
}

const TlsServer& TestTls() {
  static const auto server = [] {
    const TestCertificate made = MakeCertificate(Authority(), "IP:127.0.0.1");
    auto tls = std::make_unique<TlsServer>();
    REQUIRE(tls->Use({"chain", made.certificate}, {"key", made.key}));
    return tls;
  }();
  return *server;
}

EachTransport::EachTransport() {
  over_tls = GENERATE(false, true);
  if (over_tls) UNSCOPED_INFO("over TLS");
}

EachTransport::~EachTransport() { over_tls = false; }

const TlsServer* EachTransport::tls() { return over_tls ? &TestTls() : nullptr; }

HttpOptions TestOptions() {
  HttpOptions options;
  options.addresses = {"127.0.0.1"};
  options.port = 0;
  options.threads = 4;
  options.limits.body = 1000;
  options.limits.linger = 100ms;
  options.tls = EachTransport::tls();
  return options;
}

TestServer::TestServer(HttpOptions options, HttpHandler handler)
    : tls(options.tls != nullptr), server(std::move(options), std::move(handler)) {
  const auto listening = server.Listen();
  INFO((listening ? "" : listening.error().message));
  REQUIRE(listening);
  server.Start();
}

std::string WithBody(const std::string& method, const std::string& path, const std::string& body) {
  return method + " " + path +
         " HTTP/1.1\r\nHost: x\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         body;
}

}  // namespace sf::api
