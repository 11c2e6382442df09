// SPDX-License-Identifier: Apache-2.0
#include "net/term_notice.h"

#include <sodium.h>

namespace sf::net {
namespace {

constexpr std::string_view kMagic = "sf-term1";
constexpr std::size_t kTermBytes = 8;
constexpr std::size_t kMacBytes = crypto_generichash_BYTES;

const unsigned char* Raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string Mac(std::string_view bytes, const TermKey& key) {
  std::string mac(kMacBytes, '\0');
  crypto_generichash(reinterpret_cast<unsigned char*>(mac.data()), mac.size(), Raw(bytes),
                     bytes.size(), key.data(), key.size());
  return mac;
}

}  // namespace

TermKey MakeTermKey(std::string_view secret) {
  // The secret is a key of other things, too: what is made of it here is good for this alone.
  const std::string text = "network services term " + std::string(secret);
  TermKey key;
  crypto_generichash(key.data(), key.size(), Raw(text), text.size(), nullptr, 0);
  return key;
}

std::string TermNotice(std::uint64_t term, const TermKey& key) {
  std::string notice(kMagic);
  for (int shift = 56; shift >= 0; shift -= 8) notice += static_cast<char>(term >> shift);
  return notice + Mac(notice, key);
}

std::optional<std::uint64_t> ReadTermNotice(std::string_view bytes, const TermKey& key) {
  constexpr std::size_t kSaid = kMagic.size() + kTermBytes;
  if (bytes.size() != kSaid + kMacBytes || !bytes.starts_with(kMagic)) return std::nullopt;
  const std::string mac = Mac(bytes.substr(0, kSaid), key);
  if (sodium_memcmp(mac.data(), bytes.data() + kSaid, kMacBytes) != 0) return std::nullopt;
  std::uint64_t term = 0;
  for (const char c : bytes.substr(kMagic.size(), kTermBytes)) {
    term = term << 8 | static_cast<unsigned char>(c);
  }
  return term;
}

}  // namespace sf::net
