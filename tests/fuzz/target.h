// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sf::fuzz {

/// Each file of this folder that ends in _fuzz.cc defines these two and becomes a program of the
/// same name under libFuzzer (target.cc). It ends by a crash when it has found something.

/// Gives `input` to the code that is fuzzed, and checks with SF_CHECK what is promised of it.
void Try(std::string_view input);

/// Well-formed inputs to begin with: from these libFuzzer finds in seconds what it would take hours
/// to find from nothing. Made by code, so that they change with it.
std::vector<std::string> Seeds();

/// Cuts an input into decisions. Past its end there are only zeros.
class Cutter {
 public:
  explicit Cutter(std::string_view input) : rest_(input) {}

  bool empty() const { return rest_.empty(); }
  std::string_view Take(std::size_t size) {
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::uint64_t Number(std::size_t bytes) {
    std::uint64_t number = 0;
    for (const char c : Take(bytes)) number = number << 8 | static_cast<unsigned char>(c);
    return number;
  }
  std::uint8_t Byte() { return static_cast<std::uint8_t>(Number(1)); }
  bool Flag() { return (Byte() & 1) != 0; }

 private:
  std::string_view rest_;
};

}  // namespace sf::fuzz
