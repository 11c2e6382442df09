// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <semaphore>
#include <string>
#include <string_view>
#include <utility>

#include "node/api/caller.h"
#include "node/api/known_keys.h"
#include "node/api/login_limit.h"
#include "node/base/id.h"
#include "node/base/result.h"
#include "node/model/namespace.h"
#include "node/store/current_picture.h"
#include "node/store/namespace_store.h"

namespace sf::api {

/// Keys and tokens. A token is a JWT signed with the cluster's secret; it names its namespace and
/// key and carries the key's nonce, so replacing or deleting a key ends its tokens. Keys are known
/// by the picture of the rows, so that whoever is known is let in also while the database is away;
/// who is not is looked up in the database: the key may have been made a moment ago.
///
/// Thread: HTTP.
class Auth {
 public:
  static constexpr std::chrono::seconds kTokenLifetime{900};

  /// `local_token` stands for an administrator without the database being asked: commands on this
  /// host read it from a file that only root may read, and it ends with this process.
  Auth(store::CurrentPicture& rows, store::NamespaceStore& namespaces, std::string secret,
       std::string local_token, std::string zone, int login_failures)
      : rows_(rows),
        namespaces_(namespaces),
        secret_(std::move(secret)),
        local_token_(std::move(local_token)),
        zone_(std::move(zone)),
        limit_(login_failures),
        hashes_(kHashesAtOnce) {}

  /// Whether an address may try a key of a namespace: not after too many wrong ones. To be asked
  /// before LogIn().
  bool MayTry(const NamespaceId& name_space, const std::string& source);

  /// A token for whoever knows a key of `name_space`; kUnauthorized without saying which of the two
  /// was wrong.
  Result<std::string> LogIn(const NamespaceId& name_space, const std::string& key,
                            const std::string& source);

  /// How log-ins ended, since the start.
  struct Figures {
    std::atomic<std::uint64_t> good = 0;
    std::atomic<std::uint64_t> wrong = 0;
    std::atomic<std::uint64_t> refused = 0;  ///< without a look at the key
  };
  const Figures& figures() const { return figures_; }

  /// The caller that an Authorization header stands for.
  Result<Caller> Authenticate(std::string_view authorization);

  /// `secret` hashed for storage, under a fresh nonce.
  static Result<NamespaceKey> MakeKey(std::string name, const std::string& secret);

 private:
  // More hashes at once would only wait for processors and take memory.
  static constexpr std::ptrdiff_t kHashesAtOnce = 4;

  struct Claims {
    NamespaceId name_space;
    std::string key_name;
    std::string nonce;
  };

  Result<NamespaceKey> FindSecret(const NamespaceId& name_space, const std::string& key,
                                  const std::string& source);
  Result<Claims> Verify(const std::string& token) const;
  /// The key of `name_space` that `fits`; kUnauthorized, with `refusal`, without one.
  Result<NamespaceKey> FindKey(const NamespaceId& name_space,
                               const std::function<bool(const NamespaceKey&)>& fits,
                               const char* refusal) const;

  store::CurrentPicture& rows_;
  store::NamespaceStore& namespaces_;
  const std::string secret_;
  const std::string local_token_;
  const std::string zone_;
  LoginLimit limit_;
  KnownKeys known_;
  std::counting_semaphore<> hashes_;
  Figures figures_;
};

}  // namespace sf::api
