// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sodium.h>

#include <string>
#include <string_view>

namespace sf::images {

/// SHA-256 and SHA-512 of bytes that come piece by piece. (The first names a cached image, the
/// second is what clients are shown beside it.)
class RunningDigest {
 public:
  RunningDigest();

  void Update(std::string_view bytes);
  /// Lower-case hexadecimal. Ends the object's use.
  std::string FinishSha256();
  std::string FinishSha512();

 private:
  crypto_hash_sha256_state sha256_;
  crypto_hash_sha512_state sha512_;
};

std::string Sha256(std::string_view bytes);

}  // namespace sf::images
