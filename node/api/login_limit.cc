// SPDX-License-Identifier: Apache-2.0
#include "node/api/login_limit.h"

#include <arpa/inet.h>

#include <algorithm>
#include <utility>

namespace sf::api {
namespace {

constexpr double kNamespacesAtOnce = 10;
constexpr std::size_t kMostBuckets = 20'000;

}  // namespace

bool LoginLimit::Take(const std::string& address, const std::string& name_space,
                      Clock::time_point now) {
  const std::string source = SourceOf(address);
  const std::lock_guard lock(mutex_);
  if (buckets_.size() + 2 > kMostBuckets) MakeRoom(now);
  Bucket& all = Find({source, {}}, kNamespacesAtOnce * per_minute_, now);
  Bucket& one = Find({source, name_space}, per_minute_, now);
  if (all.tries < 1 || one.tries < 1) return false;
  --all.tries;
  --one.tries;
  return true;
}

void LoginLimit::GiveBack(const std::string& address, const std::string& name_space) {
  const std::string source = SourceOf(address);
  const std::lock_guard lock(mutex_);
  for (const Key& key : {Key(source, {}), Key(source, name_space)}) {
    if (const auto found = buckets_.find(key); found != buckets_.end()) ++found->second.tries;
  }
}

LoginLimit::Bucket& LoginLimit::Find(const Key& key, double size, Clock::time_point now) {
  const auto [found, is_new] = buckets_.try_emplace(key, Bucket{size, now});
  Bucket& bucket = found->second;
  const std::chrono::duration<double, std::ratio<60>> minutes = now - bucket.filled;
  bucket.tries = std::min(size, bucket.tries + minutes.count() * size);
  bucket.filled = now;
  return bucket;
}

// What was not asked for in a minute is full again. If all were, the table begins anew: it takes
// thousands of sources to get there, and those are not stopped by counting each.
void LoginLimit::MakeRoom(Clock::time_point now) {
  std::erase_if(buckets_, [now](const auto& item) {
    return now - item.second.filled > std::chrono::minutes(1);
  });
  if (buckets_.size() > kMostBuckets / 2) buckets_.clear();
}

std::string SourceOf(const std::string& remote_address) {
  in6_addr address;
  if (::inet_pton(AF_INET6, remote_address.c_str(), &address) != 1) return remote_address;
  std::fill(std::begin(address.s6_addr) + 8, std::end(address.s6_addr), std::uint8_t{0});
  char text[INET6_ADDRSTRLEN];
  return ::inet_ntop(AF_INET6, &address, text, sizeof text);
}

}  // namespace sf::api
