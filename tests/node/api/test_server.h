// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "node/api/http_server.h"
#include "tests/node/api/raw_client.h"
#include "tests/node/api/test_certificates.h"

namespace sf::api {

/// The authority whose word stands for the servers of these tests.
const TestCertificate& Authority();
/// A server of TLS at 127.0.0.1.
const TlsServer& TestTls();

/// A test that has one at its beginning runs twice: over TCP, then over TLS. Without, only over
/// TCP.
class EachTransport {
 public:
  EachTransport();
  ~EachTransport();
  static const TlsServer* tls();  ///< null over TCP
};

/// Of loopback, a free port, small limits, and the transport whose turn it is.
HttpOptions TestOptions();

/// A server that is up.
struct TestServer {
  explicit TestServer(HttpOptions options, HttpHandler handler);
  RawClient Connect() const { return RawClient(server.port(), tls); }

  const bool tls;
  HttpServer server;
};

std::string WithBody(const std::string& method, const std::string& path, const std::string& body);

}  // namespace sf::api
