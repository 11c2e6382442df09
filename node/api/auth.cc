// SPDX-License-Identifier: Apache-2.0
#include "node/api/auth.h"

#include <sodium.h>

#include <algorithm>
#include <array>
#include <jwt/jwt.hpp>
#include <string_view>

#include "node/base/uuid.h"

namespace sf::api {
namespace {

using nlohmann::json;

constexpr std::size_t kNonceBytes = 16;
constexpr std::size_t kMaxTokenBytes = 4096;
constexpr std::size_t kMaxCachedKeys = 10'000;

// Argon2id with 4 MiB and two passes, some 5 ms: enough to make guessing a stored key dear, little
// enough that logging in stays cheap for scripts, which do it for every command.
constexpr unsigned long long kHashPasses = 2;
constexpr std::size_t kHashMemory = std::size_t{4} << 20;

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

Result<std::string> Auth::LogIn(const NamespaceId& name_space, const std::string& key) {
  const auto keys = namespaces_.Keys(name_space);
  if (!keys && keys.error().code != Code::kNotFound) return tl::unexpected(keys.error());
  const NamespaceKey* match = nullptr;
  if (keys) {
    const auto found = std::find_if(keys->begin(), keys->end(), [&](const NamespaceKey& candidate) {
      return Matches(candidate, key);
    });
    if (found != keys->end()) match = &*found;
  }
  if (match == nullptr) return Fail(Code::kUnauthorized, "unknown namespace or wrong key");
  try {
    using namespace jwt::params;
    const auto now = std::chrono::system_clock::now();
    jwt::jwt_object token{algorithm("HS256"), secret(secret_)};
    token.add_claim("iss", zone_);
    token.add_claim("sub", json::array({name_space.value, match->name}).dump());
    token.add_claim("nonce", match->nonce);
    token.add_claim("iat", now);
    token.add_claim("nbf", now);
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

Result<std::optional<std::string>> Auth::CurrentNonce(const Claims& claims) {
  const auto now = std::chrono::steady_clock::now();
  const std::pair name(claims.name_space.value, claims.key_name);
  {
    const std::lock_guard lock(mutex_);
    const auto cached = nonces_.find(name);
    // What is cached may only confirm: the token may be of a key that was replaced just now.
    if (cached != nonces_.end() && now < cached->second.until &&
        cached->second.nonce == claims.nonce) {
      return cached->second.nonce;
    }
  }
  std::optional<std::string> nonce;
  const auto keys = namespaces_.Keys(claims.name_space);
  if (!keys && keys.error().code != Code::kNotFound) return tl::unexpected(keys.error());
  if (keys) {
    for (const NamespaceKey& key : *keys) {
      if (key.name == claims.key_name) nonce = key.nonce;
    }
  }
  const std::lock_guard lock(mutex_);
  if (nonces_.size() >= kMaxCachedKeys) nonces_.clear();
  nonces_[name] = {nonce, now + kKeyCacheTime};
  return nonce;
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
  const Claims claims = TRY(Verify(std::string(authorization)));
  const auto nonce = TRY(CurrentNonce(claims));
  if (!nonce || *nonce != claims.nonce) {
    return Fail(Code::kUnauthorized, "token refused: its key was deleted or replaced");
  }
  return Caller{claims.name_space, claims.key_name};
}

}  // namespace sf::api
