// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>

namespace sf::api {

/// How many wrong log-ins are answered: so many a minute from one source to one namespace, and ten
/// times as many from it to all. Nothing is counted by namespace alone, so nobody can lock out
/// those who ask from elsewhere. A minute's worth may come at once.
///
/// Thread: any.
class LoginLimit {
 public:
  using Clock = std::chrono::steady_clock;

  explicit LoginLimit(int failures_per_minute) : per_minute_(failures_per_minute) {}

  /// Takes one try; false if none is left. Taken before it is known whether the try is wrong, so
  /// that many at once count as many.
  bool Take(const std::string& address, const std::string& name_space, Clock::time_point now);
  /// The try was none of a guesser's.
  void GiveBack(const std::string& address, const std::string& name_space);

 private:
  struct Bucket {
    double tries = 0;
    Clock::time_point filled;
  };
  using Key = std::pair<std::string, std::string>;  // The second is empty for all namespaces.

  Bucket& Find(const Key& key, double size, Clock::time_point now);
  void MakeRoom(Clock::time_point now);

  const double per_minute_;
  std::mutex mutex_;  // guards buckets_
  std::map<Key, Bucket> buckets_;
};

/// Who a request counts as: its address, or the network of 64 bits of which one person has all
/// the addresses of IPv6.
std::string SourceOf(const std::string& remote_address);

}  // namespace sf::api
