// SPDX-License-Identifier: Apache-2.0
#include "node/api/node_token.h"

#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

#include "node/base/uuid.h"

namespace sf::api {
namespace {

using nlohmann::json;

constexpr std::string_view kScheme = "Node ";
constexpr std::size_t kMaxTokenBytes = 4096;
constexpr std::size_t kNonceBytes = 8;
constexpr int kBase64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
// Other uses of the cluster's keys have other numbers and contexts.
constexpr std::uint64_t kSubkey = 1;
constexpr char kContext[crypto_kdf_CONTEXTBYTES + 1] = "sf-calls";

using Key = ClusterKeys::value_type;
static_assert(std::tuple_size_v<Key> == crypto_kdf_KEYBYTES);

std::string Encode(std::string_view bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), kBase64), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(bytes.data()),
                    bytes.size(), kBase64);
  text.pop_back();  // The NUL.
  return text;
}

/// Empty if it is not base64.
std::string Decode(std::string_view text) {
  std::string bytes(text.size(), '\0');
  std::size_t length = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(bytes.data()), bytes.size(), text.data(),
                        text.size(), nullptr, &length, nullptr, kBase64) != 0) {
    return {};
  }
  bytes.resize(length);
  return bytes;
}

std::string Mac(const Key& cluster_key, std::string_view claims, const Request& request) {
  std::array<unsigned char, crypto_generichash_KEYBYTES> key;
  crypto_kdf_derive_from_key(key.data(), key.size(), kSubkey, kContext, cluster_key.data());
  crypto_generichash_state state;
  std::string mac(crypto_generichash_BYTES, '\0');
  crypto_generichash_init(&state, key.data(), key.size(), mac.size());
  for (const std::string_view part :
       {claims, std::string_view(request.method), std::string_view(request.target),
        std::string_view(request.body)}) {
    const std::uint64_t length = part.size();
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(&length),
                              sizeof length);
    crypto_generichash_update(&state, reinterpret_cast<const unsigned char*>(part.data()),
                              part.size());
  }
  crypto_generichash_final(&state, reinterpret_cast<unsigned char*>(mac.data()), mac.size());
  return mac;
}

std::int64_t ToMilliseconds(NodeTokens::Time time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

}  // namespace

std::string NodeTokens::Sign(const Request& request, const Caller& caller, const NodeId& to,
                             Time now) const {
  const std::string claims = Encode(json{
      {"from", self_.value},
      {"to", to.value},
      {"namespace", caller.name_space.value},
      {"key", caller.key_name},
      {"at", ToMilliseconds(now)},
      {"nonce", RandomHex(kNonceBytes)}}.dump());
  const auto keys = keys_();
  return fmt::format("{}{}.{}", kScheme, claims, Encode(Mac(keys->front(), claims, request)));
}

bool NodeTokens::IsIn(const Request& request) {
  return request.Header("Authorization").starts_with(kScheme);
}

Result<Caller> NodeTokens::Verify(const Request& request, Time now) {
  const std::string_view token = request.Header("Authorization").substr(kScheme.size());
  const std::size_t dot = token.find('.');
  if (token.size() > kMaxTokenBytes || dot == std::string_view::npos) {
    return Fail(Code::kUnauthorized, "node token refused: malformed");
  }
  const std::string_view text = token.substr(0, dot);
  const std::string mac = Decode(token.substr(dot + 1));
  const auto keys = keys_();
  const bool genuine = std::ranges::any_of(*keys, [&](const Key& key) {
    const std::string expected = Mac(key, text, request);
    return mac.size() == expected.size() &&
           sodium_memcmp(mac.data(), expected.data(), mac.size()) == 0;
  });
  if (!genuine) {
    return Fail(Code::kUnauthorized,
                "node token refused: it was not made for this request with a key of this cluster");
  }
  // One of ours from here on, so it has what Sign() puts into it, or comes from another release.
  const json claims = json::parse(Decode(text), nullptr, /*allow_exceptions=*/false);
  try {
    if (claims.at("to") != self_.value) {
      return Fail(Code::kUnauthorized, "node token refused: it is for node {}, and this is {}",
                  claims.at("to").get<std::string>(), self_);
    }
    const std::int64_t age = ToMilliseconds(now) - claims.at("at").get<std::int64_t>();
    if (std::chrono::abs(std::chrono::milliseconds(age)) > kTolerance) {
      return Fail(Code::kUnauthorized,
                  "node token refused: it is {:.1f} s old; is the clock of {} or of {} wrong?",
                  static_cast<double>(age) / 1000, claims.at("from").get<std::string>(), self_);
    }
    Caller caller = {NamespaceId(claims.at("namespace").get<std::string>()),
                     claims.at("key").get<std::string>(),
                     NodeId(claims.at("from").get<std::string>())};
    TRY(LetInOnce(mac, now));
    return caller;
  } catch (const json::exception&) {
    return Fail(Code::kUnauthorized, "node token refused: it lacks a claim");
  }
}

Result<void> NodeTokens::LetInOnce(const std::string& mac, Time now) {
  const std::lock_guard lock(mutex_);
  // A token from a clock ahead of ours stays good for twice the tolerance.
  while (!in_order_.empty() && in_order_.front().first + 2 * kTolerance < now) {
    let_in_.erase(in_order_.front().second);
    in_order_.pop_front();
  }
  if (let_in_.size() >= kMaxRemembered) {
    return Fail(Code::kUnauthorized, "node token refused: too many came within {} s",
                2 * kTolerance.count());
  }
  if (!let_in_.insert(mac).second) {
    return Fail(Code::kUnauthorized, "node token refused: it was used before");
  }
  in_order_.emplace_back(now, mac);
  return {};
}

}  // namespace sf::api
