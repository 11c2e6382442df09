// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace sf::test {

/// What a path of the BadServer answers, honestly or not.
struct Page {
  std::string body = {};
  int status = 200;
  std::map<std::string, std::string> headers = {};  ///< ETag and Last-Modified are acted upon, too
  bool ranges = true;                               ///< false: Range is ignored
  std::optional<std::uint64_t> claimed_length = {};
  std::size_t cut_after = SIZE_MAX;  ///< no more of the body is sent in one answer
  int cuts = 1 << 30;                ///< by so many answers; the ones after them are whole
  bool stall = false;                ///< a cut answer falls silent instead of closing
  bool held = false;                 ///< no answer before Release()
};

/// An HTTP server on loopback that does to its clients what servers do. Every answer ends its
/// connection.
class BadServer {
 public:
  /// Listens on a port of its own, or on a Unix socket.
  explicit BadServer(const std::string& unix_socket = {});
  ~BadServer();
  BadServer(const BadServer&) = delete;
  BadServer& operator=(const BadServer&) = delete;

  std::string Url(const std::string& path) const;
  void Put(const std::string& path, Page page);
  void Release();
  /// Waits until `path` was asked for so often.
  void AwaitRequests(const std::string& path, std::size_t count);

  std::vector<std::string> Requests(const std::string& path) const;  ///< heads as they came
  int Bodies(const std::string& path) const;                         ///< answers that had a body
  /// Refuses connections from now on.
  void Stop();

 private:
  void Accept();
  void Serve(int client);
  void Answer(int client, const std::string& path, const std::string& head, const Page& page);
  bool WaitForEnd(int client) const;

  int listener_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  mutable std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::map<std::string, Page> pages_;
  std::map<std::string, std::vector<std::string>> requests_;
  std::map<std::string, int> bodies_;
  bool released_ = false;
  std::vector<std::thread> clients_;
  std::thread acceptor_;
};

}  // namespace sf::test
