// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace sf {

struct BuiltinText {
  std::string_view name;
  std::string_view text;
};

/// The texts of this folder as they were when the binary was built (templates/embed.cmake).
std::span<const BuiltinText> BuiltinTexts();

}  // namespace sf
