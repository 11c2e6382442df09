// SPDX-License-Identifier: Apache-2.0
#include "node/api/dashboard.h"

#include <catch2/catch.hpp>
#include <regex>
#include <string>

#include "templates/builtin_texts.h"

namespace sf::api {
namespace {

Request Asking(std::string path, HttpHeaders headers = {}) {
  Request request;
  request.method = "GET";
  request.path = std::move(path);
  request.headers = std::move(headers);
  return request;
}

std::string HeaderOf(const Response& response, std::string_view name) {
  for (const auto& [key, value] : response.headers) {
    if (key == name) return value;
  }
  return {};
}

}  // namespace

TEST_CASE("Dashboard: every file is served as what it is, and may neither run nor ask for others") {
  const Dashboard dashboard;
  const auto page = dashboard.Page(Asking("/ui"));
  REQUIRE(page);
  CHECK(page->content_type == "text/html; charset=utf-8");
  for (const auto& [name, text] : DashboardTexts()) {
    CAPTURE(name);
    const auto file = dashboard.File(Asking("/ui/x"), std::string(name));
    REQUIRE(file);
    CHECK(file->body == text);
    const std::string policy = HeaderOf(*file, "Content-Security-Policy");
    CHECK(policy.starts_with("default-src 'none'; script-src 'self';"));
    CHECK(policy.find("unsafe") == std::string::npos);
    CHECK(policy.find("http") == std::string::npos);
    CHECK(HeaderOf(*file, "X-Content-Type-Options") == "nosniff");
    CHECK(HeaderOf(*file, "Referrer-Policy") == "no-referrer");
  }
  CHECK(dashboard.File(Asking("/ui/x"), "app.js")->content_type ==
        "text/javascript; charset=utf-8");
  CHECK(dashboard.File(Asking("/ui/x"), "app.css")->content_type == "text/css; charset=utf-8");
  CHECK(dashboard.File(Asking("/ui/x"), "../api.js").error().code == Code::kNotFound);
}

TEST_CASE("Dashboard: a browser that has a file is told so, and one with another is given it") {
  const Dashboard dashboard;
  const auto first = dashboard.File(Asking("/ui/app.js"), "app.js");
  const std::string tag = HeaderOf(*first, "ETag");
  CHECK(HeaderOf(*first, "Cache-Control") == "no-cache");
  const auto again = dashboard.File(Asking("/ui/app.js", {{"if-none-match", tag}}), "app.js");
  CHECK(again->status == 304);
  CHECK(again->body.empty());
  CHECK(dashboard.File(Asking("/ui/app.css", {{"if-none-match", tag}}), "app.css")->status == 200);
}

TEST_CASE("Dashboard: with a slash behind it the page's files would be looked for elsewhere") {
  const auto answer = Dashboard().Page(Asking("/ui/"));
  CHECK(answer->status == 308);
  CHECK(HeaderOf(*answer, "Location") == "../ui");
}

TEST_CASE("Dashboard: what one of its files names is another of them") {
  const Dashboard dashboard;
  const std::regex named(R"re((?:from "\./|="ui/)([^"]+)")re");
  int found = 0;
  for (const auto& [name, text] : DashboardTexts()) {
    const std::string whole(text);
    for (std::sregex_iterator at(whole.begin(), whole.end(), named), end; at != end; ++at) {
      CAPTURE(name, (*at)[1].str());
      CHECK(dashboard.File(Asking("/ui/x"), (*at)[1].str()));
      ++found;
    }
  }
  CHECK(found > 20);
}

}  // namespace sf::api
