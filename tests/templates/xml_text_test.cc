// SPDX-License-Identifier: Apache-2.0
#include "templates/xml_text.h"

#include <catch2/catch.hpp>
#include <string>

using namespace std::string_literals;

TEST_CASE("XmlText: what XML 1.0 can carry is accepted") {
  CHECK(sf::IsXmlText(""));
  CHECK(sf::IsXmlText("plain\ttext\r\n"));
  CHECK(sf::IsXmlText("]]> <&> {{x}} 'quoted' \"twice\""));
  CHECK(sf::IsXmlText("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80 \xed\x9f\xbf \xee\x80\x80 \x7f"));
}

TEST_CASE("XmlText: control characters, non-characters and broken UTF-8 are refused") {
  CHECK_FALSE(sf::IsXmlText("a\0b"s));
  CHECK_FALSE(sf::IsXmlText("\x1b[0m"));
  CHECK_FALSE(sf::IsXmlText("\xef\xbf\xbe"));      // U+FFFE
  CHECK_FALSE(sf::IsXmlText("\xed\xa0\x80"));      // a surrogate
  CHECK_FALSE(sf::IsXmlText("\xc0\xbc"));          // "<" spelled too long
  CHECK_FALSE(sf::IsXmlText("\xe0\x80\xbc"));      // the same in three bytes
  CHECK_FALSE(sf::IsXmlText("\xf0\x80\x80\xbc"));  // and in four
  CHECK_FALSE(sf::IsXmlText("\xf4\x90\x80\x80"));  // past U+10FFFF
  CHECK_FALSE(sf::IsXmlText("\xff"));
  CHECK_FALSE(sf::IsXmlText("\x80"));
  CHECK_FALSE(sf::IsXmlText("\xe2\x82"));  // cut off
  CHECK_FALSE(sf::IsXmlText("\xe2\x28\xa1"));
}

TEST_CASE("XmlText: escaping leaves no markup and keeps blanks as they are") {
  CHECK(sf::EscapeXml("<a b='c' d=\"e\">]]>&amp;") ==
        "&lt;a b=&apos;c&apos; d=&quot;e&quot;&gt;]]&gt;&amp;amp;");
  CHECK(sf::EscapeXml("a\tb\nc\rd") == "a&#9;b&#10;c&#13;d");
}
