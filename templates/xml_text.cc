// SPDX-License-Identifier: Apache-2.0
#include "templates/xml_text.h"

#include <cstddef>
#include <optional>

namespace sf {
namespace {

/// Takes one character off the front of `text`; none if it is not UTF-8 in its shortest form.
std::optional<char32_t> TakeCharacter(std::string_view& text) {
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  std::size_t length = 1;
  char32_t character = first;
  char32_t least = 0;
  if (first >= 0xf0 && first < 0xf8) {
    length = 4, character = first & 0x07, least = 0x10000;
  } else if (first >= 0xe0) {
    length = 3, character = first & 0x0f, least = 0x800;
  } else if (first >= 0xc0) {
    length = 2, character = first & 0x1f, least = 0x80;
  } else if (first >= 0x80) {
    return std::nullopt;
  }
  if (first >= 0xf8 || text.size() < length) return std::nullopt;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return std::nullopt;
    character = (character << 6) | (byte(i) & 0x3f);
  }
  if (character < least) return std::nullopt;
  text.remove_prefix(length);
  return character;
}

bool IsXmlCharacter(char32_t c) {
  return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c <= 0xd7ff) ||
         (c >= 0xe000 && c <= 0xfffd) || (c >= 0x10000 && c <= 0x10ffff);
}

}  // namespace

bool IsXmlText(std::string_view text) {
  while (!text.empty()) {
    const auto character = TakeCharacter(text);
    if (!character || !IsXmlCharacter(*character)) return false;
  }
  return true;
}

std::string EscapeXml(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&apos;"; break;
      case '\t': out += "&#9;"; break;
      case '\n': out += "&#10;"; break;
      case '\r': out += "&#13;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace sf
