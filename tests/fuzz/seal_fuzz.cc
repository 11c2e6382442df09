// SPDX-License-Identifier: Apache-2.0
// A stranger's bytes are never let in, nor a member's with anything changed; and neither shuts out
// what is genuine.
#include "gossip/seal.h"

#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {

using gossip::Drop;
using gossip::Seal;

void Try(std::string_view input) {
  constexpr std::size_t kLimit = 1200;
  // Under a key of its own that seals nothing: libFuzzer reads what is compared below, and would
  // come here with a genuine datagram.
  Seal stranger({Seal::Key{9}}, 9, kLimit);
  SF_CHECK(stranger.Open(input).drop != Drop::kNone);

  constexpr Seal::Key kKey = {1};
  Seal alice({kKey}, 1, kLimit);
  Seal bob({Seal::Key{2}, kKey}, 2, kLimit);
  Cutter cut(input);
  const std::size_t at = cut.Number(2);
  const std::uint8_t flip = cut.Byte();
  const std::string_view text = cut.Take(kLimit);
  const std::string genuine = alice.Close(text);
  std::string changed = genuine;
  changed[at % changed.size()] = static_cast<char>(changed[at % changed.size()] ^ flip);
  if (changed != genuine) SF_CHECK(bob.Open(changed).drop == Drop::kWrongKey);
  SF_CHECK(bob.Open(genuine.substr(0, at % genuine.size())).drop != Drop::kNone);
  const Seal::Opened opened = bob.Open(genuine);
  SF_CHECK(opened.drop == Drop::kNone && opened.text == text);
  SF_CHECK(bob.Open(genuine).drop == Drop::kReplayed);
}

std::vector<std::string> Seeds() {
  Seal mallory({Seal::Key{3}}, 3, 1200);
  return {mallory.Close("hello"), std::string("\0\x20\x01hello", 8)};
}

}  // namespace sf::fuzz
