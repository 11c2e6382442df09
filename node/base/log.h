// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace sf::log {

/// Debug: the rest. Info: rare, an operator cares. Warn: an operator should look. Error: a part
/// cannot go on.
enum class Level { kDebug, kInfo, kWarn, kError };

/// Text: "message key=value". JSON: one object a line, for programs that collect logs.
enum class Format { kText, kJson };

/// Sends lines to stderr, one per event. Call once, before threads start.
void SetUp(Level level, Format format = Format::kText);

bool Enabled(Level level);

/// `message` as a line carries it, which is all of a JSON object but its beginning: with the
/// request that this thread works for, and control bytes escaped, so no stranger's text can forge a
/// line.
std::string ToLine(std::string_view message, Format format);

/// Writes one line. Thread: any.
void Write(Level level, std::string_view message);

template <class... Args>
void Debug(fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kDebug))
    Write(Level::kDebug, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void Info(fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kInfo)) Write(Level::kInfo, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void Warn(fmt::format_string<Args...> format, Args&&... args) {
  if (Enabled(Level::kWarn)) Write(Level::kWarn, fmt::format(format, std::forward<Args>(args)...));
}
template <class... Args>
void Error(fmt::format_string<Args...> format, Args&&... args) {
  Write(Level::kError, fmt::format(format, std::forward<Args>(args)...));
}

}  // namespace sf::log
