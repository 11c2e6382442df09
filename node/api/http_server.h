// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "node/api/http_connection.h"
#include "node/api/http_message.h"
#include "node/base/file_descriptor.h"
#include "node/base/result.h"
#include "node/base/worker_pool.h"

namespace sf::api {

struct HttpOptions {
  std::vector<std::string> addresses;  ///< Numeric, IPv4 or IPv6; a repeated one counts once.
  int port = 13000;                    ///< 0: one that is free, the same on every address.
  std::size_t threads = 16;
  std::size_t max_connections = 1000;     ///< Past it, the kernel's backlog holds them.
  std::chrono::milliseconds idle{5'000};  ///< How long a connection may be kept without a request.
  HttpLimits limits;
  const TlsServer* tls = nullptr;  ///< Null: plain HTTP.
};

/// The HTTP front: takes connections, and hands each request, read whole, to one handler.
///
/// A connection that is between two requests costs no thread: one thread watches all of those by
/// epoll, and gives a connection to the pool when its next request begins. So clients that keep
/// connections open starve nobody, and one that sends many requests takes its turn after each.
///
/// Thread: Listen() and Stop() one; the handler runs on the threads of the pool, several at a time.
/// Invariant: only the watching thread adds and removes connections; one that is `busy` is touched
/// by its job alone, except for Interrupt().
class HttpServer {
 public:
  HttpServer(HttpOptions options, HttpHandler handler);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  /// Binds every address; on failure it has kept none. Who connects from now on waits for Start().
  Result<void> Listen();
  void Start();

  /// Takes no more requests, and waits for those that are being answered.
  void Stop();

  int port() const { return port_; }
  std::uint64_t connections() const { return connections_taken_; }
  std::uint64_t requests() const { return requests_; }

 private:
  using Key = std::uint64_t;
  struct Entry {
    std::unique_ptr<HttpConnection> connection;
    bool busy = false;
    std::chrono::steady_clock::time_point idle_since;
  };
  using Connections = std::map<Key, Entry>;
  struct Finished {
    Key key;
    bool keep;
  };

  void Watch();
  void Accept(int listener);
  /// The one to turn out for a new one; end() if there is none.
  Connections::iterator OldestQuiet();
  void SetListening(bool on);
  void Begin(Key key, Entry& entry);
  void Park(Key key, Entry& entry);
  void TakeFinished();
  /// Closes what has been idle for too long, and listens again after a pause.
  void Sweep();
  /// Leaves only what is being answered.
  void Drain();
  /// Called on a thread of the pool.
  void Finish(Key key, bool keep);

  const HttpOptions options_;
  const HttpHandler handler_;
  int port_ = 0;
  FileDescriptor epoll_;
  FileDescriptor wake_;  // An eventfd: something is in finished_, or stopping_ is set.
  std::vector<FileDescriptor> listeners_;
  bool listening_ = true;
  std::chrono::steady_clock::time_point listen_again_;

  Connections connections_;
  Key next_key_ = 0;
  std::atomic<bool> stopping_ = false;
  std::atomic<std::uint64_t> connections_taken_ = 0;
  std::atomic<std::uint64_t> requests_ = 0;

  std::mutex mutex_;  // guards finished_
  std::vector<Finished> finished_;

  std::unique_ptr<WorkerPool> pool_;
  std::thread watcher_;
};

}  // namespace sf::api
