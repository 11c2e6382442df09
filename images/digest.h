// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string>
#include <string_view>

namespace sf::images {

/// SHA-256 and SHA-512 of bytes that come piece by piece. (The first names a cached image, the
/// second is what clients are shown beside it.) OpenSSL's, which uses what the processor has for
/// them: an image is read several times as fast.
class RunningDigest {
 public:
  RunningDigest();

  void Update(std::string_view bytes);
  /// Lower-case hexadecimal. Ends the object's use.
  std::string FinishSha256();
  std::string FinishSha512();

 private:
  struct Release {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  using Context = std::unique_ptr<EVP_MD_CTX, Release>;

  static Context Begin(const EVP_MD* kind);
  static std::string Finish(EVP_MD_CTX& context);

  Context sha256_;
  Context sha512_;
};

std::string Sha256(std::string_view bytes);

}  // namespace sf::images
