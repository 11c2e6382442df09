// SPDX-License-Identifier: Apache-2.0
#include "node/key_ring.h"

#include <sodium.h>

#include <algorithm>
#include <array>

#include "node/base/check.h"
#include "node/private_file.h"

namespace sf {
namespace {

using Key = gossip::Seal::Key;

constexpr std::size_t kDigits = 2 * gossip::Seal::kKeyBytes;
constexpr std::size_t kMaxFile = 4096;

Result<Key> ParseKey(std::string_view digits) {
  Key key;
  std::size_t length = 0;
  if (digits.size() != kDigits ||
      sodium_hex2bin(key.data(), key.size(), digits.data(), digits.size(), nullptr, &length,
                     nullptr) != 0 ||
      length != key.size()) {
    return Fail(Code::kInvalid, "a key is not {} hexadecimal digits", kDigits);
  }
  return key;
}

std::string ToHex(const unsigned char* bytes, std::size_t size) {
  std::string text(2 * size + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes, size);
  text.pop_back();
  return text;
}

}  // namespace

Result<KeyRing> ParseKeyRing(std::string_view text) {
  constexpr std::string_view kSeparators = ", \t\r\n";
  KeyRing ring;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(kSeparators, at)) != std::string_view::npos) {
    const std::size_t end = std::min(
        text[at] == '#' ? text.find('\n', at) : text.find_first_of(kSeparators, at), text.size());
    if (text[at] != '#') ring.push_back(TRY(ParseKey(text.substr(at, end - at))));
    at = end;
  }
  if (ring.empty()) return Fail(Code::kInvalid, "there is no key");
  if (ring.size() > kMaxKeys) return Fail(Code::kInvalid, "there are more than {} keys", kMaxKeys);
  return ring;
}

std::string ToString(const KeyRing& ring) {
  std::string text;
  for (const Key& key : ring) {
    text += (text.empty() ? "" : ",") + ToHex(key.data(), key.size());
  }
  return text;
}

Result<KeyRing> ReadKeyFile(const std::string& path) {
  auto ring = ParseKeyRing(TRY(ReadSecretFile(path, kMaxFile)));
  if (!ring) return Fail(Code::kInvalid, "{}: {}", path, ring.error().message);
  return ring;
}

KeyRing MakeKeyRing() {
  KeyRing ring(1);
  randombytes_buf(ring.front().data(), ring.front().size());
  return ring;
}

std::string Fingerprint(const KeyRing& ring) {
  const std::string text = ToString(ring);
  std::array<unsigned char, crypto_generichash_BYTES_MIN> hash;
  crypto_generichash(hash.data(), hash.size(), reinterpret_cast<const unsigned char*>(text.data()),
                     text.size(), nullptr, 0);
  return ToHex(hash.data(), hash.size());
}

std::vector<KeyRing> RotationSteps(const KeyRing& present, const Key& fresh) {
  SF_CHECK(!present.empty());
  KeyRing added = present;
  if (added.size() < kMaxKeys) added.push_back(fresh);
  KeyRing promoted = added;
  std::rotate(promoted.begin(), promoted.end() - 1, promoted.end());
  return {added, promoted, {promoted.front()}};
}

}  // namespace sf
