// SPDX-License-Identifier: Apache-2.0
#include "node/option_names.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace sf {
namespace {

/// How many letters have to be changed, added or dropped to come from one to the other.
std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i + 1);
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = std::exchange(row[j + 1], std::min({replaced, row[j] + 1, row[j + 1] + 1}));
    }
  }
  return row.back();
}

}  // namespace

std::string FlagOf(std::string_view name) {
  std::string flag = "--";
  for (const char c : name) {
    flag += c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  return flag;
}

const ConfigOption* FindOption(std::string_view name) {
  for (const ConfigGroup& group : ConfigGroups()) {
    for (const ConfigOption& option : group.options) {
      if (option.name == name) return &option;
    }
  }
  return nullptr;
}

std::string_view NearestOption(std::string_view name) {
  std::string_view nearest;
  std::size_t least = std::string_view::npos;
  for (const ConfigGroup& group : ConfigGroups()) {
    for (const ConfigOption& option : group.options) {
      const std::size_t distance = EditDistance(name, option.name);
      if (distance < least) {
        least = distance;
        nearest = option.name;
      }
    }
  }
  return nearest;
}

std::string Quotable(std::string_view argument) {
  const std::string_view word = argument.substr(0, argument.find('='));
  const bool plain = word.size() <= 40 && word.find_first_of("/@:% ") == std::string_view::npos;
  return plain ? fmt::format("'{}'", word) : "an argument (not repeated here)";
}

}  // namespace sf
