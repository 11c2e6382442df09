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

/// Those of dashboard/, which are no templates: they go to browsers as they are.
std::span<const BuiltinText> DashboardTexts();

}  // namespace sf
