// SPDX-License-Identifier: Apache-2.0
#include "node/model/interface.h"

#include <cctype>

namespace sf {

std::string CanonicalMac(std::string_view text) {
  constexpr std::size_t kLength = 17;
  if (text.size() != kLength) return {};
  std::string mac;
  for (std::size_t i = 0; i < kLength; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (i % 3 == 2 ? c != ':' : std::isxdigit(c) == 0) return {};
    mac += static_cast<char>(std::tolower(c));
  }
  // The lowest bit of the first byte marks a group of stations, which no NIC is.
  const bool group = std::string_view("13579bdf").find(mac[1]) != std::string_view::npos;
  return group || mac == "00:00:00:00:00:00" ? std::string() : mac;
}

}  // namespace sf
