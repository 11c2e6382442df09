// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace sf {

/// Whether XML 1.0 can carry `text` at all: valid UTF-8 of the characters that section 2.2 allows.
/// NUL and most control characters have no spelling in XML, not even an escaped one.
bool IsXmlText(std::string_view text);

/// `text` as the content of an element or of an attribute in either kind of quotes. Tabs and line
/// ends are escaped too: a parser would turn them into blanks in an attribute.
std::string EscapeXml(std::string_view text);

}  // namespace sf
