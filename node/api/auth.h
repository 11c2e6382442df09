// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "node/base/result.h"
#include "node/model/namespace.h"
#include "node/store/namespace_store.h"

namespace sf::api {

/// Who sent a request, and what that lets them touch.
struct Caller {
  NamespaceId name_space;
  std::string key_name;

  bool IsAdmin() const { return name_space == kSystemNamespace; }
  /// Whether objects of `owner` are theirs to see and change. For others they do not exist.
  bool Owns(const NamespaceId& owner) const { return IsAdmin() || owner == name_space; }
};

/// Keys and tokens. A token is a JWT signed with the cluster's secret; it names its namespace and
/// key and carries the key's nonce, so replacing or deleting a key ends its tokens, at the latest
/// kKeyCacheTime later.
///
/// Thread: HTTP.
class Auth {
 public:
  static constexpr std::chrono::seconds kTokenLifetime{900};
  static constexpr std::chrono::milliseconds kKeyCacheTime{1000};

  Auth(store::NamespaceStore& namespaces, std::string secret, std::string zone)
      : namespaces_(namespaces), secret_(std::move(secret)), zone_(std::move(zone)) {}

  /// A token for whoever knows a key of `name_space`; kUnauthorized without saying which of the two
  /// was wrong.
  Result<std::string> LogIn(const NamespaceId& name_space, const std::string& key);

  /// The caller that an Authorization header stands for.
  Result<Caller> Authenticate(std::string_view authorization);

  /// `secret` hashed for storage, under a fresh nonce.
  static Result<NamespaceKey> MakeKey(std::string name, const std::string& secret);

 private:
  struct Claims {
    NamespaceId name_space;
    std::string key_name;
    std::string nonce;
  };
  struct CachedNonce {
    std::optional<std::string> nonce;  ///< unset: no such key
    std::chrono::steady_clock::time_point until;
  };

  Result<Claims> Verify(const std::string& token) const;
  Result<std::optional<std::string>> CurrentNonce(const Claims& claims);

  store::NamespaceStore& namespaces_;
  const std::string secret_;
  const std::string zone_;
  std::mutex mutex_;  // guards nonces_
  std::map<std::pair<std::string, std::string>, CachedNonce> nonces_;
};

}  // namespace sf::api
