// SPDX-License-Identifier: Apache-2.0
#include "node/api/auth.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <jwt/jwt.hpp>
#include <set>
#include <string_view>

#include "node/base/uuid.h"

namespace sf::api {
namespace {

using nlohmann::json;

constexpr std::size_t kNonceBytes = 16;
constexpr std::size_t kMaxTokenBytes = 4096;

// A token is shown to every node from the moment it is made, and nodes' clocks differ: by up to 4 s
// if `sf-node check` is content with both, by more at three in the morning.
constexpr std::chrono::seconds kClocksDiffer{60};

// Argon2id with 4 MiB and two passes, some 5 ms: enough to make guessing a stored key dear, little
// enough that logging in stays cheap for scripts, which do it for every command.
constexpr unsigned long long kHashPasses = 2;
constexpr std::size_t kHashMemory = std::size_t{4} << 20;

// A thread that waits for its turn answers nobody else.
constexpr std::chrono::milliseconds kHashPatience{1000};

bool Matches(const NamespaceKey& key, const std::string& secret) {
  return crypto_pwhash_str_verify(key.hash.c_str(), secret.data(), secret.size()) == 0;
}

/// Whether `token` ends in our signature. Only such a token is shown to the JWT library: it decodes
/// and parses before it verifies, and asserts on what is malformed, so that any stranger could end
/// us.
bool IsSignedBy(const std::string& secret, std::string_view token) {
  constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
  const auto dot = token.rfind('.');
  if (dot == std::string_view::npos) return false;
  const auto bytes = [](std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
  };
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, bytes(secret), secret.size());
  crypto_auth_hmacsha256_update(&state, bytes(token), dot);
  std::array<unsigned char, crypto_auth_hmacsha256_BYTES> mac;
  crypto_auth_hmacsha256_final(&state, mac.data());
  std::array<char, sodium_base64_ENCODED_LEN(mac.size(), kVariant)> text;
  sodium_bin2base64(text.data(), text.size(), mac.data(), mac.size(), kVariant);
  const std::string_view given = token.substr(dot + 1);
  return given.size() == text.size() - 1 &&
         sodium_memcmp(given.data(), text.data(), given.size()) == 0;
}

}  // namespace

Result<NamespaceKey> Auth::MakeKey(std::string name, const std::string& secret) {
  char hash[crypto_pwhash_STRBYTES];
  if (crypto_pwhash_str(hash, secret.data(), secret.size(), kHashPasses, kHashMemory) != 0) {
    return Fail(Code::kUnavailable, "not enough memory to hash the key {}", name);
  }
  return NamespaceKey{std::move(name), hash, RandomHex(kNonceBytes)};
}

Result<NamespaceKey> Auth::FindKey(const NamespaceId& name_space,
                                   const std::function<bool(const NamespaceKey&)>& fits,
                                   const char* refusal) const {
  const auto picture = rows_.Read().picture;
  if (const auto known = picture->keys.find(name_space); known != picture->keys.end()) {
    const auto key = std::ranges::find_if(known->second, fits);
    if (key != known->second.end()) return *key;
  }
  const auto stored = namespaces_.Keys(name_space);
  if (stored) {
    const auto key = std::ranges::find_if(*stored, fits);
    if (key != stored->end()) return *key;
  } else if (stored.error().code != Code::kNotFound) {
    return tl::unexpected(stored.error());
  }
  return Fail(Code::kUnauthorized, "{}", refusal);
}

bool Auth::MayTry(const NamespaceId& name_space, const std::string& source) {
  const bool may = limit_.Take(source, name_space.value, LoginLimit::Clock::now());
  if (!may) ++figures_.refused;
  return may;
}

Result<NamespaceKey> Auth::FindSecret(const NamespaceId& name_space, const std::string& key,
                                      const std::string& source) {
  constexpr const char* kRefusal = "unknown namespace or wrong key";
  const auto is_known = [&](const NamespaceKey& one) { return known_.Knows(one.hash, key); };
  const auto picture = rows_.Read().picture;
  Result<NamespaceKey> found = Fail(Code::kUnauthorized, "{}", kRefusal);
  if (const auto keys = picture->keys.find(name_space); keys != picture->keys.end()) {
    const auto known = std::ranges::find_if(keys->second, is_known);
    if (known != keys->second.end()) found = *known;
  }
  if (!found && !hashes_.try_acquire_for(kHashPatience)) {
    found = Fail(Code::kUnavailable, "too many log-ins at once");
  } else if (!found) {
    std::set<std::string> tried;  // The picture and the database mostly have the same keys.
    found = FindKey(
        name_space,
        [&](const NamespaceKey& one) {
          // Whoever was ahead may have had the same key: of a crowd with one key only the first
          // pay.
          return tried.insert(one.hash).second && (is_known(one) || Matches(one, key));
        },
        kRefusal);
    hashes_.release();
  }
  if (found) known_.Remember(found->hash, key);
  const bool wrong = !found && found.error().code == Code::kUnauthorized;
  if (!wrong) limit_.GiveBack(source, name_space.value);
  ++(found ? figures_.good : wrong ? figures_.wrong : figures_.refused);
  return found;
}

Result<std::string> Auth::LogIn(const NamespaceId& name_space, const std::string& key,
                                const std::string& source) {
  const NamespaceKey match = TRY(FindSecret(name_space, key, source));
  try {
    using namespace jwt::params;
    const auto now = std::chrono::system_clock::now();
    jwt::jwt_object token{algorithm("HS256"), secret(secret_)};
    token.add_claim("iss", zone_);
    token.add_claim("sub", json::array({name_space.value, match.name}).dump());
    token.add_claim("nonce", match.nonce);
    token.add_claim("iat", now);
    token.add_claim("nbf", now - kClocksDiffer);
    token.add_claim("exp", now + kTokenLifetime);
    token.add_claim("jti", MakeUuid());
    return token.signature();
  } catch (const std::exception& e) {
    return Fail(Code::kInternal, "cannot make a token: {}", e.what());
  }
}

Result<Auth::Claims> Auth::Verify(const std::string& token) const {
  if (!IsSignedBy(secret_, token)) {
    return Fail(Code::kUnauthorized, "token refused: not signed by this cluster");
  }
  // The library reports some errors and throws others.
  try {
    using namespace jwt::params;
    std::error_code error;
    const auto decoded =
        jwt::decode(token, algorithms({"HS256"}), error, secret(secret_), verify(true));
    if (error) return Fail(Code::kUnauthorized, "token refused: {}", error.message());
    const auto& payload = decoded.payload();
    for (const char* claim : {"sub", "nonce", "exp"}) {
      if (!payload.has_claim(claim)) {
        return Fail(Code::kUnauthorized, "token refused: it has no claim {}", claim);
      }
    }
    const json subject = json::parse(payload.get_claim_value<std::string>("sub"));
    return Claims{NamespaceId(subject.at(0).get<std::string>()), subject.at(1).get<std::string>(),
                  payload.get_claim_value<std::string>("nonce")};
  } catch (const std::exception&) {
    return Fail(Code::kUnauthorized, "token refused: not one of ours");
  }
}

Result<Caller> Auth::Authenticate(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!authorization.starts_with(kScheme)) {
    return Fail(Code::kUnauthorized, "no bearer token; get one by POST /auth");
  }
  authorization.remove_prefix(kScheme.size());
  if (authorization.size() > kMaxTokenBytes) {
    return Fail(Code::kUnauthorized, "token refused: too long");
  }
  if (authorization.size() == local_token_.size() && !local_token_.empty() &&
      sodium_memcmp(authorization.data(), local_token_.data(), local_token_.size()) == 0) {
    return Caller{kSystemNamespace, "local"};
  }
  const Claims claims = TRY(Verify(std::string(authorization)));
  TRY(FindKey(
      claims.name_space,
      [&claims](const NamespaceKey& key) {
        return key.name == claims.key_name && key.nonce == claims.nonce;
      },
      "token refused: its key was deleted or replaced"));
  return Caller{claims.name_space, claims.key_name};
}

}  // namespace sf::api
