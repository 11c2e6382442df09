// SPDX-License-Identifier: Apache-2.0
#include "node/base/uuid.h"

#include <sodium.h>

#include <vector>

#include "node/base/check.h"

namespace sf {

std::string RandomHex(std::size_t bytes) {
  SF_CHECK(sodium_init() >= 0);
  std::vector<unsigned char> random(bytes);
  randombytes_buf(random.data(), random.size());
  std::string text(bytes * 2 + 1, '\0');
  sodium_bin2hex(text.data(), text.size(), random.data(), random.size());
  text.pop_back();
  return text;
}

std::string MakeUuid() {
  std::string hex = RandomHex(16);
  hex[12] = '4';                                               // version
  hex[16] = "89ab"[static_cast<unsigned char>(hex[16]) % 4U];  // variant
  for (const std::size_t dash : {8U, 13U, 18U, 23U}) hex.insert(dash, 1, '-');
  return hex;
}

bool IsUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    const bool hex = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (dash ? c != '-' : !hex) return false;
  }
  return true;
}

}  // namespace sf
