// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "node/api/http_connection.h"
#include "node/api/http_figures.h"
#include "node/api/http_message.h"
#include "node/base/file_descriptor.h"
#include "node/base/result.h"
#include "node/base/worker_pool.h"

namespace sf::api {

struct HttpOptions {
  std::vector<std::string> addresses;  ///< Numeric, IPv4 or IPv6; a repeated one counts once.
  int port = 13000;                    ///< 0: one that is free, the same on every address.
  std::size_t threads = 16;
  std::size_t max_connections = 1000;
  /// Of half-read requests and half-sent answers, in all.
  std::size_t max_held_bytes = std::size_t{64} << 20;
  std::chrono::milliseconds idle{5'000};  ///< How long a connection may be kept without a request.
  HttpLimits limits;
  const TlsServer* tls = nullptr;  ///< Null: plain HTTP.
};

/// The HTTP front: takes connections, and hands each request, read whole, to one handler.
///
/// A connection that waits for its client costs no thread: one thread watches all of those by
/// epoll, and gives a connection to the pool when there is something to do. Who has something to do
/// stands in line with the others of its address, and the addresses take turns. When there are too
/// many connections, or too much waits in them, the address that has most of it gives way. So no
/// client, however many connections it has and however slow it is on them, keeps others out; and if
/// all come from one address, that has everything.
///
/// Thread: Listen() and Stop() one; the handler runs on the threads of the pool, several at a time.
/// Invariant: only the watching thread adds and removes connections; one that is running is touched
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

  /// Takes no more connections, and waits for what is being answered. Who is connected has a
  /// second for one more request, which may be on its way: no client that was told that it may go
  /// on, or that has just connected, finds itself cut off.
  void Stop();

  int port() const { return port_; }
  const HttpFigures& figures() const { return figures_; }

 private:
  using Key = std::uint64_t;
  using Time = std::chrono::steady_clock::time_point;

  /// All of one address.
  struct Source {
    std::size_t connections = 0;
    std::size_t held = 0;
    std::deque<Key> line;  // those with something to do, in order
  };
  using Sources = std::map<std::string, Source>;

  enum class State { kParked, kInLine, kRunning };
  struct Entry {
    std::unique_ptr<HttpConnection> connection;
    Sources::iterator source;
    State state = State::kParked;
    HttpWait wait = {};  // of one that is parked
    Time parked = {};
    std::size_t held = 0;  // unless it is running
  };
  using Connections = std::map<Key, Entry>;
  struct Finished {
    Key key;
    HttpWait wait;
  };

  void Watch();
  void Accept(int listener);
  void Add(int descriptor);
  void Remove(Connections::iterator gone);
  /// Makes room for `newcomer`, the last that came; false if nobody can be turned out for it.
  bool TurnOut(Key newcomer);
  /// As long as too much is held.
  void FreeMemory();
  void SetListening(bool on);

  void StandInLine(Key key, Entry& entry);
  /// Gives threads to those in line.
  void TakeTurns();
  void Park(Key key, Entry& entry, const HttpWait& wait);
  void SetHeld(Entry& entry, std::size_t bytes);
  void TakeFinished();
  /// Deals with those who have waited for too long, and listens again after a pause.
  void Sweep();
  /// Takes who has connected already, and then nobody.
  void StopListening();
  /// Leaves only what is being answered.
  void Drain();
  /// Called on a thread of the pool.
  void Finish(Key key, HttpWait wait);

  const HttpOptions options_;
  const HttpHandler handler_;
  HttpFigures figures_;
  int port_ = 0;
  FileDescriptor epoll_;
  FileDescriptor wake_;  // An eventfd: something is in finished_, or stopping_ is set.
  std::vector<FileDescriptor> listeners_;
  bool listening_ = true;
  Time listen_again_;
  Time swept_;

  Connections connections_;
  Sources sources_;
  std::deque<Sources::iterator> turns_;  // of the sources with somebody in line
  std::size_t running_ = 0;
  std::size_t held_ = 0;
  Key next_key_ = 0;
  std::atomic<bool> stopping_ = false;
  Time drain_at_;  // once listeners_ are gone

  std::mutex mutex_;  // guards finished_
  std::vector<Finished> finished_;

  std::unique_ptr<WorkerPool> pool_;
  std::thread watcher_;
};

}  // namespace sf::api
