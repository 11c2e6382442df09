// SPDX-License-Identifier: Apache-2.0
// The cluster's keys as an operator's file or the database has them. What is understood reads back
// as it was, and no error quotes a digit of it.
#include "node/key_ring.h"

#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {

void Try(std::string_view input) {
  const Result<KeyRing> ring = ParseKeyRing(input);
  if (!ring) {
    constexpr std::size_t kTelling = 8;
    for (std::size_t i = 0; i + kTelling <= input.size(); ++i) {
      const std::string_view part = input.substr(i, kTelling);
      const bool digits = part.find_first_not_of("0123456789abcdefABCDEF") == part.npos;
      SF_CHECK(!digits || ring.error().message.find(part) == std::string::npos);
    }
    return;
  }
  SF_CHECK(!ring->empty() && ring->size() <= kMaxKeys);
  const Result<KeyRing> again = ParseKeyRing(ToString(*ring));
  SF_CHECK(again && *again == *ring);
  SF_CHECK(Fingerprint(*again) == Fingerprint(*ring));
}

std::vector<std::string> Seeds() {
  const std::string key(64, 'a'), other = std::string(32, '0') + std::string(32, 'F');
  return {key, key + "," + other, "# of the lab\n" + key + "\n" + other + " # the old one\n",
          "12ab"};
}

}  // namespace sf::fuzz
