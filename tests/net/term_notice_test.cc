// SPDX-License-Identifier: Apache-2.0
#include "net/term_notice.h"

#include <catch2/catch.hpp>
#include <limits>

namespace {

using namespace sf::net;

}  // namespace

TEST_CASE("TermNotice: what is said is what is read") {
  const TermKey key = MakeTermKey("a secret");
  for (const std::uint64_t term : {std::uint64_t{1}, std::uint64_t{0x0102030405060708},
                                   std::numeric_limits<std::uint64_t>::max()}) {
    CHECK(ReadTermNotice(TermNotice(term, key), key) == term);
  }
  // The least payload of an Ethernet frame, or the receiver would find padding behind it.
  CHECK(TermNotice(1, key).size() >= 46);
}

TEST_CASE("TermNotice: nothing is read that another cluster or a guest made") {
  const TermKey key = MakeTermKey("a secret");
  const std::string notice = TermNotice(7, key);
  CHECK_FALSE(ReadTermNotice(notice, MakeTermKey("another")));
  CHECK_FALSE(ReadTermNotice("", key));
  CHECK_FALSE(ReadTermNotice(notice + '\0', key));
  for (std::size_t i = 0; i < notice.size(); ++i) {
    CHECK_FALSE(ReadTermNotice(std::string_view(notice).substr(0, i), key));
    std::string other = notice;
    other[i] = static_cast<char>(other[i] ^ 1);
    CHECK_FALSE(ReadTermNotice(other, key));
  }
}
