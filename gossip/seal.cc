// SPDX-License-Identifier: Apache-2.0
#include "gossip/seal.h"

#include <sodium.h>

#include <algorithm>
#include <utility>

#include "node/base/check.h"

namespace sf::gossip {
namespace {

constexpr std::size_t kHeader = 16;
constexpr std::size_t kTag = crypto_aead_xchacha20poly1305_ietf_ABYTES;
static_assert(kHeader + kTag == Seal::kOverhead);
static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == Seal::kKeyBytes);

// What is farther behind was sent in another age.
constexpr std::uint64_t kFarthest = 0xffffffff;

using Nonce = std::array<std::uint8_t, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES>;

/// The header, which is sent, and zeros, which need not be.
Nonce NonceOf(std::string_view header) {
  Nonce nonce = {};
  std::copy_n(header.begin(), kHeader, nonce.begin());
  return nonce;
}

const unsigned char* Raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

void Append(std::string& bytes, std::uint64_t number) {
  for (int shift = 56; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift);
}

std::uint64_t NumberAt(std::string_view bytes, std::size_t offset) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < 8; ++i) {
    number = number << 8 | static_cast<unsigned char>(bytes[offset + i]);
  }
  return number;
}

}  // namespace

Seal::Seal(std::vector<Key> keys, BootId boot, std::size_t max_datagram)
    : boot_(boot), max_sealed_(max_datagram + kOverhead) {
  SF_CHECK(sodium_init() >= 0);
  SetKeys(std::move(keys));
}

void Seal::SetKeys(std::vector<Key> keys) {
  SF_CHECK(!keys.empty());
  keys_ = std::move(keys);
}

std::string Seal::Close(std::string_view text) {
  std::string sealed;
  sealed.reserve(text.size() + kOverhead);
  Append(sealed, boot_);
  Append(sealed, ++counter_);
  const Nonce nonce = NonceOf(sealed);
  sealed.resize(kHeader + text.size() + kTag);
  auto* const ciphertext = reinterpret_cast<unsigned char*>(sealed.data()) + kHeader;
  crypto_aead_xchacha20poly1305_ietf_encrypt(ciphertext, nullptr, Raw(text), text.size(), nullptr,
                                             0, nullptr, nonce.data(), keys_.front().data());
  return sealed;
}

Seal::Opened Seal::Open(std::string_view sealed) {
  if (sealed.size() < kOverhead) return Refuse(Drop::kTruncated);
  if (sealed.size() > max_sealed_) return Refuse(Drop::kOversized);
  const Nonce nonce = NonceOf(sealed);
  const std::string_view ciphertext = sealed.substr(kHeader);
  Opened opened;
  opened.text.resize(ciphertext.size() - kTag);
  auto* const text = reinterpret_cast<unsigned char*>(opened.text.data());
  const auto opens = [&](const Key& key) {
    return crypto_aead_xchacha20poly1305_ietf_decrypt(text, nullptr, nullptr, Raw(ciphertext),
                                                      ciphertext.size(), nullptr, 0, nonce.data(),
                                                      key.data()) == 0;
  };
  if (!std::ranges::any_of(keys_, opens)) return Refuse(Drop::kWrongKey);
  // Only now: a window is moved by what is genuine, or strangers could shut members out.
  if (!Fresh(NumberAt(sealed, 0), NumberAt(sealed, 8))) return Refuse(Drop::kReplayed);
  return opened;
}

Seal::Opened Seal::Refuse(Drop reason) {
  ++dropped_[static_cast<std::size_t>(reason)];
  return {.drop = reason, .text = {}};
}

bool Seal::Fresh(BootId boot, std::uint64_t counter) {
  if (windows_.size() >= kMaxSenders && !windows_.contains(boot)) ForgetStalest();
  Window& window = windows_[boot];
  window.used = ++opened_;
  auto& below = window.below;
  if (counter > window.highest) {
    const std::uint64_t ahead = std::min(counter - window.highest, kFarthest);
    for (std::uint32_t& gap : below) {
      if (gap != 0) gap = static_cast<std::uint32_t>(std::min(gap + ahead, kFarthest));
    }
    std::shift_right(below.begin(), below.end(), 1);
    below[0] = window.highest == 0 ? 0 : static_cast<std::uint32_t>(ahead);
    window.highest = counter;
    return true;
  }
  const std::uint64_t behind = window.highest - counter;
  const auto spot = std::ranges::find_if(
      below, [behind](std::uint32_t gap) { return gap == 0 || gap >= behind; });
  if (behind == 0 || behind >= kFarthest || spot == below.end() || *spot == behind) return false;
  std::shift_right(spot, below.end(), 1);
  *spot = static_cast<std::uint32_t>(behind);
  return true;
}

void Seal::ForgetStalest() {
  windows_.erase(
      std::ranges::min_element(windows_, {}, [](const auto& entry) { return entry.second.used; }));
}

}  // namespace sf::gossip
