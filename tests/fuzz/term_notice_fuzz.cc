// SPDX-License-Identifier: Apache-2.0
// Only what was made with the key is read as a notice of the term.
#include "net/term_notice.h"

#include "node/base/check.h"
#include "tests/fuzz/target.h"

namespace sf::fuzz {
namespace {

const net::TermKey& Key() {
  static const net::TermKey kKey = net::MakeTermKey("fuzz");
  return kKey;
}

}  // namespace

void Try(std::string_view input) {
  if (const auto term = net::ReadTermNotice(input, Key())) {
    SF_CHECK(net::TermNotice(*term, Key()) == input);
  }
}

std::vector<std::string> Seeds() {
  return {net::TermNotice(0, Key()), net::TermNotice(7, Key()),
          net::TermNotice(7, net::MakeTermKey("another")), net::TermNotice(7, Key()).substr(0, 40)};
}

}  // namespace sf::fuzz
