// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sodium.h>

#include <array>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>

namespace sf::api {

/// Keys that were right once, known again without the dear hash: so that scripts, which log in for
/// every command, cost nothing, and that a flood of wrong keys keeps no right one waiting. A key
/// is known beside its stored hash, so it is forgotten when it is replaced; and only as a digest
/// under a secret of this process.
///
/// Thread: any.
class KnownKeys {
 public:
  KnownKeys() { crypto_generichash_keygen(secret_.data()); }

  bool Knows(const std::string& hash, const std::string& key) {
    const Digest digest = DigestOf(key);
    const std::lock_guard lock(mutex_);
    const auto found = digests_.find(hash);
    return found != digests_.end() &&
           sodium_memcmp(found->second.data(), digest.data(), digest.size()) == 0;
  }

  void Remember(const std::string& hash, const std::string& key) {
    const std::lock_guard lock(mutex_);
    if (digests_.size() >= kMost) digests_.clear();
    digests_[hash] = DigestOf(key);
  }

 private:
  using Digest = std::array<unsigned char, crypto_generichash_BYTES>;
  static constexpr std::size_t kMost = 10'000;

  Digest DigestOf(const std::string& key) const {
    Digest digest;
    crypto_generichash(digest.data(), digest.size(),
                       reinterpret_cast<const unsigned char*>(key.data()), key.size(),
                       secret_.data(), secret_.size());
    return digest;
  }

  std::array<unsigned char, crypto_generichash_KEYBYTES> secret_;
  std::mutex mutex_;  // guards digests_
  std::map<std::string, Digest> digests_;
};

}  // namespace sf::api
