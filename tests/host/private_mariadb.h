// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "node/store/database.h"

namespace sf::test {

/// A MariaDB server in a temporary directory, which a test may stop, kill and start again. Needs
/// root, as it runs as the user mysql. All of it is gone at the end.
class PrivateMariaDb {
 public:
  PrivateMariaDb();
  ~PrivateMariaDb();
  PrivateMariaDb(const PrivateMariaDb&) = delete;
  PrivateMariaDb& operator=(const PrivateMariaDb&) = delete;

  void Start();  ///< returns when it answers; nothing to do if it runs
  void Stop();   ///< in order; its clients are told
  void Kill();   ///< as a crash would
  /// It answers nothing, but its kernel goes on taking connections.
  void Freeze();
  void Thaw();
  int port() const { return port_; }

  /// Options that lead to a new and empty database.
  store::DatabaseOptions FreshDatabase();

 private:
  void End(int signal);

  std::filesystem::path folder_;
  int port_;
  pid_t pid_ = 0;
  int databases_ = 0;
};

/// The one server that test cases share, running; each has databases of its own in it.
PrivateMariaDb& SharedMariaDb();

}  // namespace sf::test
