// SPDX-License-Identifier: Apache-2.0
#include "images/fetch_rules.h"

#include <catch2/catch.hpp>

#include "tests/images/bad_server.h"

namespace sf::images {
namespace {

using Catch::Matchers::Contains;

const std::set<std::string> kNodes = {"192.0.2.11", "2001:db8::11"};

FetchRules Rules(const std::vector<std::string>& allow, const std::vector<std::string>& deny) {
  return {ServerList::Parse(allow).value(), ServerList::Parse(deny).value()};
}

/// "" when `rules` let a node go there; else why not.
std::string Refusal(const FetchRules& rules, const std::string& host, const std::string& address) {
  const auto judged = rules.Judge({"http://" + host + "/x", host, address}, kNodes);
  if (judged) return "";
  CHECK(judged.error().code == Code::kForbidden);
  CHECK_THAT(judged.error().message, Contains("http://" + host + "/x"));
  return judged.error().message;
}

TEST_CASE("FetchRules: by default this host, its links and the nodes are not asked") {
  struct Case {
    const char* address;
    const char* why;  ///< part of the error; "": allowed
  };
  const auto [address, why] = GENERATE(values<Case>({
      {"127.0.0.1", "loopback (127.0.0.0/8)"},
      {"127.255.255.254", "loopback"},
      {"0.0.0.0", "this host (0.0.0.0/8)"},
      {"0.1.2.3", "this host"},
      {"169.254.169.254", "link-local (169.254.0.0/16)"},
      {"169.254.0.1", "link-local"},
      {"224.0.0.1", "multicast"},
      {"239.255.255.255", "multicast"},
      {"255.255.255.255", "reserved"},
      {"192.0.2.11", "an address of a node"},
      {"::1", "loopback"},
      {"::", "unspecified"},
      {"::127.0.0.1", "unspecified"},
      {"fe80::1", "link-local"},
      {"febf::1", "link-local"},
      {"ff02::1", "multicast"},
      {"2001:db8::11", "an address of a node"},
      {"::ffff:127.0.0.1", "loopback"},
      {"::ffff:7f00:1", "loopback"},
      {"::ffff:169.254.169.254", "link-local"},
      {"::ffff:192.0.2.11", "an address of a node"},
      {"64:ff9b::127.0.0.1", "loopback"},
      {"64:ff9b::192.0.2.11", "an address of a node"},
      {"126.255.255.255", ""},
      {"128.0.0.1", ""},
      {"1.0.0.0", ""},
      {"169.253.255.255", ""},
      {"169.255.0.0", ""},
      {"10.0.0.1", ""},
      {"172.16.0.1", ""},
      {"192.168.0.1", ""},
      {"192.0.2.12", ""},
      {"2001:db8::12", ""},
      {"fec0::1", ""},
      {"fd00::1", ""},
      {"64:ff9b::192.0.2.12", ""},
      {"::ffff:10.0.0.1", ""},
  }));
  CAPTURE(address);
  const FetchRules rules;
  const std::string refusal = Refusal(rules, "images.example.com", address);
  if (*why == '\0') {
    CHECK(refusal.empty());
    return;
  }
  CHECK_THAT(refusal, Contains(address) && Contains(why) && Contains("IMAGE_ALLOW"));
}

TEST_CASE("FetchRules: an address in a URL counts, whoever is connected to") {
  const FetchRules rules;
  CHECK_THAT(Refusal(rules, "127.0.0.1", ""), Contains("loopback"));
  CHECK_THAT(Refusal(rules, "[::1]", ""), Contains("loopback"));
  CHECK_THAT(Refusal(rules, "[fe80::1%25eth0]", ""), Contains("link-local"));
  // By way of a proxy.
  CHECK_THAT(Refusal(rules, "169.254.169.254", "10.0.0.1"), Contains("169.254.169.254"));
  CHECK(Refusal(rules, "images.example.com", "").empty());
}

TEST_CASE("FetchRules: IMAGE_ALLOW wins over what is reserved, and IMAGE_DENY over all") {
  const FetchRules rules =
      Rules({"127.0.0.0/8", "192.0.2.11", "*.inside.example.com", "mirror", "fe80::/16"},
            {"127.0.0.9", "10.1.0.0/16", "bad.inside.example.com", "*.evil.example",
             "2001:db8:bad::/48"});
  CHECK(Refusal(rules, "x", "127.0.0.1").empty());
  CHECK(Refusal(rules, "x", "192.0.2.11").empty());
  CHECK(Refusal(rules, "x", "fe80::1").empty());
  CHECK_THAT(Refusal(rules, "x", "fe90::1"), Contains("link-local"));
  // A name is allowed wherever it leads, but to what is denied.
  CHECK(Refusal(rules, "a.inside.example.com", "169.254.169.254").empty());
  CHECK(Refusal(rules, "A.B.Inside.Example.COM.", "::1").empty());
  CHECK_THAT(Refusal(rules, "inside.example.com", "::1"), Contains("loopback"));
  CHECK_THAT(Refusal(rules, "notinside.example.com", "::1"), Contains("loopback"));
  CHECK(Refusal(rules, "MIRROR", "::1").empty());
  CHECK_THAT(Refusal(rules, "mirror", "10.1.2.3"),
             Contains("IMAGE_DENY lists as '10.1.0.0/16'") && Contains("10.1.2.3"));
  CHECK_THAT(Refusal(rules, "x", "127.0.0.9"), Contains("IMAGE_DENY"));
  CHECK_THAT(Refusal(rules, "x", "::ffff:127.0.0.9"), Contains("IMAGE_DENY"));
  CHECK_THAT(Refusal(rules, "x", "64:ff9b::10.1.0.1"), Contains("IMAGE_DENY"));
  CHECK_THAT(Refusal(rules, "x", "2001:db8:bad::1"), Contains("IMAGE_DENY"));
  CHECK_THAT(Refusal(rules, "bad.inside.example.com", ""), Contains("IMAGE_DENY"));
  CHECK_THAT(Refusal(rules, "a.evil.example.", "192.0.2.99"), Contains("'*.evil.example'"));
}

TEST_CASE("ServerList: what is neither a name nor a netblock is refused") {
  for (const char* entry : {"", "*", "*.", "a b", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/",
                            "::/129", "http://x", "x:80", "10.0.0.0/8/8", "[::1]", "*x", "a*.b"}) {
    CAPTURE(entry);
    const auto list = ServerList::Parse({entry});
    REQUIRE(!list);
    CHECK(list.error().code == Code::kInvalid);
  }
}

// ---- the same by libcurl
// -------------------------------------------------------------------------

Result<HttpHead> Fetch(const std::string& url, const FetchRules& rules) {
  HttpDownload download{.url = url, .max_bytes = 1 << 20};
  download.guard = [&](const HttpTarget& target) { return rules.Judge(target, kNodes); };
  return HttpClient().Download(
      download, [](const HttpHead&) { return true; },
      [](std::string_view) { return Result<void>(); });
}

std::string Port(const test::BadServer& server) {
  const std::string url = server.Url("");
  return url.substr(url.rfind(':'));
}

TEST_CASE("FetchRules: every way to write loopback is seen through, and nobody is asked") {
  test::BadServer server;
  server.Put("/x", {.body = "secret"});
  const std::string host =
      GENERATE("127.0.0.1", "localhost", "2130706433", "0x7f000001", "0177.0.0.1", "127.1",
               "user:secret@127.0.0.1", "[::ffff:127.0.0.1]", "0.0.0.0", "0");
  CAPTURE(host);
  const auto fetched = Fetch("http://" + host + Port(server) + "/x", {});
  REQUIRE(!fetched);
  CHECK(fetched.error().code == Code::kForbidden);
  CHECK_THAT(fetched.error().message, Contains("IMAGE_ALLOW") && !Contains("secret"));
  CHECK(server.Requests("/x").empty());
}

TEST_CASE("FetchRules: a redirect is judged as the first URL was") {
  test::BadServer server;
  const std::string port = Port(server);
  server.Put("/x", {.body = "secret"});
  const std::string to =
      GENERATE("http://127.0.0.2", "http://2130706434", "http://denied.localhost");
  server.Put("/from", {.status = 302, .headers = {{"Location", to + port + "/x"}}});
  const FetchRules rules = Rules({"127.0.0.1"}, {"denied.localhost"});
  const auto fetched = Fetch("http://127.0.0.1" + port + "/from", rules);
  REQUIRE(!fetched);
  CHECK(fetched.error().code == Code::kForbidden);
  CHECK_THAT(fetched.error().message, Contains(port + "/x: ") && Contains("IMAGE_"));
  CHECK(server.Requests("/from").size() == 1);
  CHECK(server.Requests("/x").empty());
}

TEST_CASE("FetchRules: of a name's addresses only those that are allowed are connected to") {
  test::BadServer server;  // on 127.0.0.1 alone
  server.Put("/x", {.body = "public"});
  const std::string url = "http://localhost" + Port(server) + "/x";
  CHECK(Fetch(url, Rules({"127.0.0.1"}, {})));
  CHECK(Fetch(url, Rules({"localhost"}, {})));
  const auto ipv6_only = Fetch(url, Rules({"::1"}, {}));
  REQUIRE(!ipv6_only);
  CHECK(server.Requests("/x").size() == 2);
}

TEST_CASE("FetchRules: a proxy is judged by its address, and what it is asked for by its URL") {
  test::BadServer proxy;
  ::setenv("http_proxy", proxy.Url("").c_str(), 1);
  const auto metadata = Fetch("http://169.254.169.254/x", Rules({"127.0.0.1"}, {}));
  const auto unlisted = Fetch("http://images.example.com/x", {});
  proxy.Put("http://images.example.com/x", {.body = "public"});
  const auto fetched = Fetch("http://images.example.com/x", Rules({"127.0.0.1"}, {}));
  ::unsetenv("http_proxy");
  REQUIRE(!metadata);
  CHECK_THAT(metadata.error().message, Contains("169.254.169.254, which is link-local"));
  REQUIRE(!unlisted);
  CHECK_THAT(unlisted.error().message, Contains("127.0.0.1, which is loopback"));
  CHECK(fetched);
}

}  // namespace
}  // namespace sf::images
