// SPDX-License-Identifier: Apache-2.0
#include "node/model/network.h"

#include <array>
#include <utility>

namespace sf {
namespace {

constexpr std::array kStates = {
    std::pair{NetworkState::kCreated, "created"},
    std::pair{NetworkState::kDeleteWait, "delete-wait"},
    std::pair{NetworkState::kDeleted, "deleted"},
};

}  // namespace

std::string_view ToString(NetworkState state) {
  for (const auto& [value, text] : kStates) {
    if (value == state) return text;
  }
  return "unknown";
}

Result<NetworkState> ParseNetworkState(std::string_view text) {
  for (const auto& [value, name] : kStates) {
    if (name == text) return value;
  }
  return Fail(Code::kInternal, "no such network state: {}", text);
}

}  // namespace sf
