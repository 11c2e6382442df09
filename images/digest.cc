// SPDX-License-Identifier: Apache-2.0
#include "images/digest.h"

#include <array>

namespace sf::images {
namespace {

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

template <std::size_t N>
std::string Hex(const std::array<unsigned char, N>& bytes) {
  std::string text(2 * N + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), bytes.data(), N);
  text.pop_back();  // its NUL
  return text;
}

}  // namespace

RunningDigest::RunningDigest() {
  crypto_hash_sha256_init(&sha256_);
  crypto_hash_sha512_init(&sha512_);
}

void RunningDigest::Update(std::string_view bytes) {
  crypto_hash_sha256_update(&sha256_, Bytes(bytes), bytes.size());
  crypto_hash_sha512_update(&sha512_, Bytes(bytes), bytes.size());
}

std::string RunningDigest::FinishSha256() {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest;
  crypto_hash_sha256_final(&sha256_, digest.data());
  return Hex(digest);
}

std::string RunningDigest::FinishSha512() {
  std::array<unsigned char, crypto_hash_sha512_BYTES> digest;
  crypto_hash_sha512_final(&sha512_, digest.data());
  return Hex(digest);
}

std::string Sha256(std::string_view bytes) {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest;
  crypto_hash_sha256(digest.data(), Bytes(bytes), bytes.size());
  return Hex(digest);
}

}  // namespace sf::images
