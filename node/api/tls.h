// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "node/base/published.h"
#include "node/base/result.h"

struct ssl_ctx_st;
struct ssl_st;

namespace sf::api {

/// How far an operation on a connection that does not block has come.
struct Progress {
  enum class State { kDone, kWaitsToRead, kWaitsToWrite, kEnded, kFailed };
  State state = State::kDone;
  std::size_t bytes = 0;   ///< of kDone
  std::string cause = {};  ///< of kFailed
};

/// The server's side of TLS on one connection that does not block. It waits for nothing: whoever
/// calls is told what for, and calls again.
///
/// Thread: one at a time.
class TlsSession {
 public:
  Progress Handshake();
  Progress Read(char* bytes, std::size_t size);
  Progress Write(std::string_view bytes);

  /// Bytes were decrypted that nobody has read yet, so that the socket does not show them.
  bool HasBuffered() const;

  /// Says that no more comes (close_notify), if that can be said at once: without it a peer cannot
  /// tell the end from a cut.
  void End();

 private:
  friend class TlsServer;
  struct Free {
    void operator()(ssl_st* session) const;
  };
  explicit TlsSession(ssl_st* session) : session_(session) {}

  Progress Outcome(int result, std::size_t bytes);

  std::unique_ptr<ssl_st, Free> session_;
  bool broken_ = false;  // Nothing may be said on it any more.
};

/// A text in PEM, and what errors call it.
struct Pem {
  std::string name;
  std::string text;
};

/// What the API shows of itself as a server of HTTPS: its certificate, those of the authorities
/// between it and one that clients know, and its key.
///
/// Thread: any; Use() one at a time.
class TlsServer {
 public:
  /// For the connections that come from now on; those that are there keep what they have. kInvalid,
  /// and nothing is changed: the two are no certificate, no key, or not of each other.
  Result<void> Use(const Pem& chain, const Pem& key);

  /// Not before Use().
  std::unique_ptr<TlsSession> Accept(int descriptor) const;

  std::chrono::system_clock::time_point expires() const { return context_.Read()->expires; }
  /// As HttpTrust has it.
  std::string public_key() const { return context_.Read()->public_key; }
  /// Whether clients that ask this address will take the certificate for it.
  bool IsFor(const std::string& ip) const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };
  struct Context {
    std::unique_ptr<ssl_ctx_st, Free> context;
    std::chrono::system_clock::time_point expires;
    std::string public_key;
  };
  static Result<Context> Make(const Pem& chain, const Pem& key);

  Published<Context> context_;
};

/// kInvalid unless there are certificates in it.
Result<void> CheckAuthorities(const Pem& authorities);

}  // namespace sf::api
