// SPDX-License-Identifier: Apache-2.0
#include "node/api/root_page.h"

#include <fmt/format.h>
#include <sodium.h>

#include <array>
#include <string>

namespace sf::api {
namespace {

constexpr std::string_view kStyle = R"css(
  :root { color-scheme: light dark; --ink: #1c1c1e; --paper: #fbfaf8; --soft: #6b6a67;
          --box: #f0eeea; --accent: #b3261e; }
  @media (prefers-color-scheme: dark) {
    :root { --ink: #ecebe8; --paper: #161615; --soft: #9c9a95; --box: #232220; --accent: #ff8a80; }
  }
  body { max-width: 44rem; margin: 3rem auto; padding: 0 1.25rem; color: var(--ink);
         background: var(--paper); font: 1rem/1.6 system-ui, sans-serif; }
  h1 { font-size: 1.7rem; margin-bottom: .25rem; }
  h2 { font-size: 1.05rem; margin-top: 2rem; }
  .soft { color: var(--soft); }
  a { color: var(--accent); }
  pre { background: var(--box); padding: .9rem 1.1rem; border-radius: .5rem; overflow-x: auto; }
  pre, code { font: .88rem/1.55 ui-monospace, monospace; }
  ul.what { list-style: none; padding: 0; display: flex; flex-wrap: wrap; gap: .4rem; }
  ul.what li { background: var(--box); border-radius: 1rem; padding: .1rem .7rem;
               font: .82rem/1.7 ui-monospace, monospace; }
)css";

constexpr std::string_view kBegin = R"html(
</style>
</head>
<body>
<h1>Shaken Fist REST API service</h1>
<p class="soft">A deliberately minimal cloud: virtual machines, their networks and their images, on
however many machines run <code>sf-node</code>. Any of them answers for all.</p>

<h2>Log in</h2>
<p>With a key of your namespace, from any shell:</p>
<pre>url=)html";

// Here stands http or https.

constexpr std::string_view kMiddle = R"html(://this-address:13000
token=$(curl -s $url/auth -d '{"namespace": "team1", "key": "…"}' |
        sed 's/.*"access_token":"\([^"]*\)".*/\1/')
curl -s -H "Authorization: Bearer $token" $url/instances</pre>
<p>or with the command line, which keeps that to itself:</p>
<pre>export SHAKENFIST_API_URL=$url
export SHAKENFIST_NAMESPACE=team1 SHAKENFIST_KEY=…
sf network create front 10.0.0.0/24
sf instance create web1 1 256 -d 8@http://example.com/debian.qcow2 -n front
sf instance list</pre>

<h2>Look around</h2>
<ul>
<li><a href="/ui">/ui</a>: the dashboard, to see and do all this in a browser</li>
<li><a href="/openapi.json">/openapi.json</a>: every call, what it takes and gives, with examples
(OpenAPI 3.1)</li>
<li><a href="/metrics">/metrics</a>: figures of this node, for Prometheus</li>
</ul>

<h2>What works here</h2>
<p class="soft">Clients look for these words:</p>
<ul class="what">
)html";

constexpr std::string_view kEnd = R"html(</ul>
</body>
</html>
)html";

/// The page asks nobody for anything, and a browser need not believe that: only this very style is
/// let through, no script, no frame, no form.
std::string ContentSecurityPolicy() {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest;
  crypto_hash_sha256(digest.data(), reinterpret_cast<const unsigned char*>(kStyle.data()),
                     kStyle.size());
  constexpr int kVariant = sodium_base64_VARIANT_ORIGINAL;
  std::array<char, sodium_base64_ENCODED_LEN(digest.size(), kVariant)> text;
  sodium_bin2base64(text.data(), text.size(), digest.data(), digest.size(), kVariant);
  return fmt::format(
      "default-src 'none'; style-src 'sha256-{}'; base-uri 'none'; form-action 'none'; "
      "frame-ancestors 'none'",
      text.data());
}

}  // namespace

Response RootPage(bool https, std::span<const std::string_view> capabilities) {
  Response page;
  page.content_type = "text/html; charset=utf-8";
  page.headers = {{"Content-Security-Policy", ContentSecurityPolicy()},
                  {"X-Content-Type-Options", "nosniff"},
                  {"Referrer-Policy", "no-referrer"}};
  page.body =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n"
      "<title>Shaken Fist</title>\n<style>";
  page.body.append(kStyle).append(kBegin.substr(1)).append(https ? "https" : "http");
  page.body += kMiddle;
  for (const std::string_view capability : capabilities) {
    page.body.append("<li>").append(capability).append("</li>\n");
  }
  page.body += kEnd;
  return page;
}

}  // namespace sf::api
