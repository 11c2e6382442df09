// SPDX-License-Identifier: Apache-2.0
#include "images/digest.h"

#include <sodium.h>

#include <array>

#include "node/base/check.h"

namespace sf::images {
namespace {

std::string Hex(const unsigned char* bytes, std::size_t size) {
  std::array<char, 2 * EVP_MAX_MD_SIZE + 1> text;
  return sodium_bin2hex(text.data(), text.size(), bytes, size);
}

}  // namespace

RunningDigest::RunningDigest() : sha256_(Begin(EVP_sha256())), sha512_(Begin(EVP_sha512())) {}

// These fail for want of memory alone.
RunningDigest::Context RunningDigest::Begin(const EVP_MD* kind) {
  Context context(EVP_MD_CTX_new());
  SF_CHECK(context != nullptr && EVP_DigestInit_ex(context.get(), kind, nullptr) == 1);
  return context;
}

void RunningDigest::Update(std::string_view bytes) {
  for (EVP_MD_CTX* const context : {sha256_.get(), sha512_.get()}) {
    SF_CHECK(EVP_DigestUpdate(context, bytes.data(), bytes.size()) == 1);
  }
}

std::string RunningDigest::Finish(EVP_MD_CTX& context) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  SF_CHECK(EVP_DigestFinal_ex(&context, digest.data(), &size) == 1);
  return Hex(digest.data(), size);
}

std::string RunningDigest::FinishSha256() { return Finish(*sha256_); }
std::string RunningDigest::FinishSha512() { return Finish(*sha512_); }

std::string Sha256(std::string_view bytes) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned size = 0;
  SF_CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.data(), &size, EVP_sha256(), nullptr) ==
           1);
  return Hex(digest.data(), size);
}

}  // namespace sf::images
