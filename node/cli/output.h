// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace sf::cli {

enum class Format {
  kPlain,      ///< text as it is, null as "-", lists joined by commas, objects as JSON
  kTime,       ///< seconds since 1970, shown in UTC
  kAddresses,  ///< of interfaces, with their floating ones: "10.0.0.20 (192.168.20.3)"
};

/// One thing that is shown of an object: where it is, by JSON pointer, and under which title.
struct Column {
  std::string_view title;
  std::string_view pointer;
  Format format = Format::kPlain;
};

/// A list inside an object, shown as a table below it.
struct Part {
  std::string_view title;
  std::string_view pointer;
  std::vector<Column> columns;
};

/// How an answer looks to people.
struct View {
  enum class Kind { kNothing, kText, kLines, kTable, kRecord };
  Kind kind = Kind::kNothing;
  std::vector<Column> columns = {};
  std::vector<Part> parts = {};
};

inline View Nothing() { return {}; }
/// As it came: the console of a guest is no JSON, even where it looks like some.
inline View RawText() { return {View::Kind::kText}; }
/// A list of texts, or the `stdout` of a program, by its lines.
inline View Lines() { return {View::Kind::kLines}; }
inline View Table(std::vector<Column> columns) { return {View::Kind::kTable, std::move(columns)}; }
inline View Record(std::vector<Column> columns, std::vector<Part> parts = {}) {
  return {View::Kind::kRecord, std::move(columns), std::move(parts)};
}

enum class Style { kPretty, kSimple, kJson };

/// `answer` as it is to be printed. kJson gives exactly the server's text. A control character of a
/// stranger's text reaches no terminal, but where the text is the point (a console).
std::string Render(const View& view, Style style, const std::string& answer);

/// On one line, and without what would move a terminal's cursor.
std::string Printable(std::string text);

}  // namespace sf::cli
