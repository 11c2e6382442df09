// SPDX-License-Identifier: Apache-2.0
#include "node/api/dashboard.h"

#include <sodium.h>

#include <array>

#include "node/base/check.h"
#include "templates/builtin_texts.h"

namespace sf::api {
namespace {

/// What the page may do in a browser: load these files and ask this API. Whatever a stranger's
/// text may manage to become in it, it neither runs nor sends anything elsewhere. (blob: is how
/// the page shows a screenshot that it has fetched with its token.)
constexpr std::string_view kPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

constexpr std::string_view kPage = "index.html";

std::string_view TypeOf(std::string_view name) {
  if (name.ends_with(".html")) return "text/html; charset=utf-8";
  if (name.ends_with(".css")) return "text/css; charset=utf-8";
  if (name.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (name.ends_with(".svg")) return "image/svg+xml";
  return {};
}

std::string TagOf(std::string_view text) {
  constexpr std::size_t kBytes = 16;
  std::array<unsigned char, kBytes> digest;
  crypto_generichash(digest.data(), digest.size(),
                     reinterpret_cast<const unsigned char*>(text.data()), text.size(), nullptr, 0);
  std::array<char, 2 * kBytes + 1> hex;
  sodium_bin2hex(hex.data(), hex.size(), digest.data(), digest.size());
  return fmt::format("\"{}\"", hex.data());
}

}  // namespace

Dashboard::Dashboard() {
  for (const auto& [name, text] : DashboardTexts()) {
    SF_CHECK(!TypeOf(name).empty());
    files_.emplace(name, Content{text, TypeOf(name), TagOf(text)});
  }
}

Result<Response> Dashboard::Page(const Request& request) const {
  if (!request.path.ends_with('/')) return File(request, std::string(kPage));
  constexpr int kMoved = 308;
  return Response{.status = kMoved, .headers = {{"Location", "../ui"}}};
}

Result<Response> Dashboard::File(const Request& request, const std::string& name) const {
  const auto found = files_.find(name);
  if (found == files_.end()) return Fail(Code::kNotFound, "file {:.60} not found", name);
  const Content& content = found->second;
  Response response;
  response.content_type = content.type;
  response.headers = {{"Content-Security-Policy", std::string(kPolicy)},
                      {"X-Content-Type-Options", "nosniff"},
                      {"Referrer-Policy", "no-referrer"},
                      // Asked for anew each time, so that an upgrade shows at once.
                      {"Cache-Control", "no-cache"},
                      {"ETag", content.tag}};
  constexpr int kNotModified = 304;
  if (request.Header("If-None-Match") == content.tag) {
    response.status = kNotModified;
  } else {
    response.body = content.text;
  }
  return response;
}

}  // namespace sf::api
