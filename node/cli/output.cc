// SPDX-License-Identifier: Apache-2.0
#include "node/cli/output.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <ctime>

namespace sf::cli {
namespace {

using nlohmann::json;

using Row = std::vector<std::string>;

std::string Plain(const json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return text.empty() ? "-" : text;
  }
  if (value.is_number_float()) return fmt::format("{:.1f}", value.get<double>());
  if (value.is_structured() && value.empty()) return "-";
  if (!value.is_array()) return value.dump(-1, ' ', false, json::error_handler_t::replace);
  std::string joined;
  for (const json& entry : value) joined += (joined.empty() ? "" : ",") + Plain(entry);
  return joined;
}

std::string Addresses(const json& interfaces) {
  std::string text;
  for (const json& interface : interfaces) {
    if (!interface.is_object()) continue;
    if (!text.empty()) text += ", ";
    text += Plain(interface.value("ipv4", json()));
    if (const json floating = interface.value("floating", json()); !floating.is_null()) {
      text += fmt::format(" ({})", Plain(floating));
    }
  }
  return text.empty() ? "-" : text;
}

std::string Cell(const json& object, const Column& column) {
  const json::json_pointer pointer{std::string(column.pointer)};
  const json value = object.contains(pointer) ? object.at(pointer) : json();
  switch (column.format) {
    case Format::kTime:
      if (!value.is_number()) break;
      return fmt::format("{:%Y-%m-%d %H:%M:%S}",
                         fmt::gmtime(static_cast<std::time_t>(value.get<double>())));
    case Format::kAddresses: return Printable(Addresses(value));
    case Format::kPlain: break;
  }
  return Printable(Plain(value));
}

/// In characters, not bytes: what is not the first byte of one (10xxxxxx) takes no place.
std::size_t Width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string Padded(const std::string& text, std::size_t width) {
  return text + std::string(width - std::min(width, Width(text)), ' ');
}

/// Never wrapped, and without spaces at the ends of lines.
std::string Aligned(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Width(row[i]));
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i + 1 < row.size(); ++i) text += Padded(row[i], widths[i]) + "  ";
    text += row.back() + "\n";
  }
  return text;
}

/// Comma-separated, as RFC 4180 has it: a cell with a comma or a quote is quoted.
std::string Separated(const std::vector<Row>& rows) {
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      if (i > 0) text += ',';
      if (row[i].find_first_of(",\"") == std::string::npos) {
        text += row[i];
        continue;
      }
      text += '"';
      for (const char c : row[i]) text.append(c == '"' ? 2 : 1, c);
      text += '"';
    }
    text += '\n';
  }
  return text;
}

/// For scripts, a column is called what the API calls it.
std::string TitleOf(const Column& column, Style style) {
  return std::string(style == Style::kSimple ? column.pointer.substr(1) : column.title);
}

std::string RenderTable(const std::vector<Column>& columns, const json& objects, Style style) {
  std::vector<Row> rows(1);
  for (const Column& column : columns) rows.front().push_back(TitleOf(column, style));
  for (const json& object : objects) {
    Row& row = rows.emplace_back();
    for (const Column& column : columns) row.push_back(Cell(object, column));
  }
  return style == Style::kSimple ? Separated(rows) : Aligned(rows);
}

std::string RenderRecord(const View& view, const json& object, Style style) {
  std::vector<Row> rows;
  std::string text;
  for (const Column& column : view.columns) {
    rows.push_back({TitleOf(column, style) + ":", Cell(object, column)});
    if (style == Style::kSimple) text += rows.back()[0] + rows.back()[1] + "\n";
  }
  if (style != Style::kSimple) text = Aligned(rows);
  for (const Part& part : view.parts) {
    const json objects = object.value(json::json_pointer(std::string(part.pointer)), json());
    if (!objects.is_array() || objects.empty()) continue;
    text += style == Style::kSimple ? "\n" : fmt::format("\n{}\n", part.title);
    text += RenderTable(part.columns, objects, style);
  }
  return text;
}

std::string RenderLines(const json& answer) {
  const json lines = answer.is_object() ? answer.value("stdout", json()) : answer;
  if (lines.is_string()) return Printable(Plain(lines)) + "\n";
  std::string text;
  if (!lines.is_array()) return text;
  for (const json& line : lines) text += Printable(Plain(line)) + "\n";
  return text;
}

}  // namespace

std::string Printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
  return text;
}

std::string Render(const View& view, Style style, const std::string& answer) {
  if (style == Style::kJson) return answer.ends_with('\n') ? answer : answer + "\n";
  const json parsed = json::parse(answer, nullptr, false);
  switch (view.kind) {
    case View::Kind::kNothing: return "";
    case View::Kind::kText: return answer;
    case View::Kind::kLines: return RenderLines(parsed);
    case View::Kind::kTable:
      return RenderTable(view.columns, parsed.is_array() ? parsed : json::array(), style);
    case View::Kind::kRecord: return parsed.is_object() ? RenderRecord(view, parsed, style) : "";
  }
  return "";
}

}  // namespace sf::cli
