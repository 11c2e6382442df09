// SPDX-License-Identifier: Apache-2.0
#include "templates/render.h"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "templates/builtin_texts.h"

namespace {

namespace fs = std::filesystem;
using Catch::Matchers::Contains;
using sf::Templates;
using namespace std::string_literals;

/// An operator's folder with one template of their own.
class Folder {
 public:
  explicit Folder(const std::string& text) { std::ofstream(path_ / "domain.xml") << text; }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  const fs::path& path() const { return path_; }

 private:
  static fs::path Make() {
    std::string name = (fs::temp_directory_path() / "sf-templates-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    return name;
  }

  const fs::path path_ = Make();
};

sf::Result<std::string> Render(const std::string& text, const nlohmann::json& values) {
  const Folder folder(text);
  const auto templates = Templates::Load(folder.path());
  if (!templates) return tl::unexpected(templates.error());
  return templates->Render("domain.xml", values);
}

}  // namespace

TEST_CASE("Templates: every built-in text is in the binary and parses") {
  CHECK(Templates::Load({}).has_value());
  REQUIRE(!sf::BuiltinTexts().empty());
  for (const auto& [name, text] : sf::BuiltinTexts()) {
    CHECK((name == "domain.xml" || name == "dnsmasq.conf" || name == "egress.nft" ||
           name == "gateway.nft" || name == "guest.nft" || name == "backup.xml"));
    CHECK_THAT(std::string(text), Contains("TEMPLATE_PATH"));
    if (name != "domain.xml") continue;
    CHECK_THAT(std::string(text), Contains("{{uuid}}") && Catch::Matchers::EndsWith("</domain>\n"));
  }
}

TEST_CASE("Templates: values are escaped, and braces in them are text") {
  const auto text = Render("<a b='{{x}}'/>", {{"x", "'/><evil a=\"&\">]]>\n{{y}} {{{y}}} {{#x}}"}});
  CHECK(text.value() ==
        "<a b='&apos;/&gt;&lt;evil a=&quot;&amp;&quot;&gt;]]&gt;&#10;{{y}} {{{y}}} {{#x}}'/>");
}

TEST_CASE("Templates: numbers, lists and sections work") {
  const auto text =
      Render("{{n}}:{{#l}}{{.}},{{/l}}{{#o}}{{a}}{{n}}{{/o}}{{#no}}x{{/no}}{{^no}}y{{/no}}",
             {{"n", 7}, {"l", {1, "b"}}, {"o", {{"a", "A"}}}, {"no", false}});
  CHECK(text.value() == "7:1,b,A7y");
}

TEST_CASE("Templates: a name without a value is an error that names it and the file") {
  const auto text = GENERATE("{{absent}}", "{{#absent}}{{/absent}}", "{{^absent}}{{/absent}}",
                             "{{#list}}{{absent}}{{/list}}");
  const auto rendered = Render(text, {{"list", {1}}, {"absent", nullptr}});
  REQUIRE_FALSE(rendered);
  CHECK_THAT(rendered.error().message, Contains("/domain.xml: absent has no value"));
}

TEST_CASE("Templates: a character that XML cannot carry is an error that names the variable") {
  const auto bad = GENERATE("a\0b"s, "\x01"s, "\xff"s);
  const auto rendered = Render("{{title}}", {{"title", "good"}, {"disks", {{{"path", bad}}}}});
  REQUIRE_FALSE(rendered);
  CHECK(rendered.error().code == sf::Code::kInvalid);
  CHECK_THAT(rendered.error().message, Contains("disks[0].path"));
}

TEST_CASE("Templates: a broken template of an operator is an error that names the file") {
  const auto text = GENERATE("{{#open}}", "{{/never}}", "{{unclosed", "{{#a}}{{/b}}", "{{");
  const Folder folder(text);
  const auto templates = Templates::Load(folder.path());
  REQUIRE_FALSE(templates);
  CHECK_THAT(templates.error().message, Contains((folder.path() / "domain.xml").string()));
}

// Each of these would let a value into the text unescaped, or hide a tag that does.
TEST_CASE("Templates: unescaped tags, partials and other delimiters are refused") {
  const auto text = GENERATE("{{{x}}}", "{{&x}}", "{{ & x}}", "{{>x}}", "{{=<% %>=}}<%&x%>",
                             "{{!comment}}{{{x}}}", "{{x}}{{&x}}");
  const auto rendered = Render(text, {{"x", "<"}});
  REQUIRE_FALSE(rendered);
  CHECK_THAT(rendered.error().message, Contains("is not allowed here"));
}

TEST_CASE("Templates: a folder that is not there is an error, one without templates is not") {
  CHECK_FALSE(Templates::Load("/nonexistent/folder"));
  const Folder folder("");
  fs::remove(folder.path() / "domain.xml");
  CHECK(Templates::Load(folder.path()));
}

TEST_CASE("Templates: a text that does not exist is an error") {
  CHECK_FALSE(Templates::Load({})->Render("absent.xml", nlohmann::json::object()));
}
