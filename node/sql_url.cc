// SPDX-License-Identifier: Apache-2.0
#include "node/sql_url.h"

#include <algorithm>

#include "node/base/number.h"
#include "node/private_file.h"

namespace sf {
namespace {

constexpr std::string_view kScheme = "mysql://";
constexpr std::size_t kMaxHosts = 16;
constexpr std::size_t kMaxDatabaseName = 64;
constexpr std::size_t kMaxFile = 4096;

bool IsLetterOrDigit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

bool IsMadeOf(std::string_view text, std::string_view punctuation) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return IsLetterOrDigit(c) || punctuation.find(c) != std::string_view::npos;
  });
}

Result<int> ParseNumber(std::string_view digits, int base, int low, int high) {
  const auto value = ToNumber<int>(digits, base);
  if (!value || *value < low || *value > high) {
    return Fail(Code::kInvalid, "not a number from {} to {}", low, high);
  }
  return *value;
}

Result<std::string> PercentDecoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const std::string_view digits = text.substr(i + 1, 2);
      const auto byte = ParseNumber(digits, 16, 1, 255);
      if (digits.size() != 2 || !byte) {
        return Fail(Code::kInvalid, "a '%' is not followed by two hexadecimal digits; write %25");
      }
      c = static_cast<char>(*byte);
      i += 2;
    }
    if ((c >= 0 && c < ' ') || c == 0x7f) return Fail(Code::kInvalid, "it has a control character");
    out += c;
  }
  return out;
}

Result<SqlUrl::Host> ParseHost(std::string_view text) {
  SqlUrl::Host host;
  const bool bracketed = text.starts_with('[');
  const std::size_t colon = text.find(':', bracketed ? text.find(']') : 0);
  if (colon != std::string_view::npos) {
    const auto port = ParseNumber(text.substr(colon + 1), 10, 1, 65535);
    if (!port) return Fail(Code::kInvalid, "a host's port is not a number from 1 to 65535");
    host.port = *port;
  }
  std::string_view name = text.substr(0, colon);
  const bool closed = bracketed && name.size() > 2 && name.ends_with(']');
  if (closed) name = name.substr(1, name.size() - 2);
  if (!IsMadeOf(name, closed ? ":." : ".-")) {
    return Fail(Code::kInvalid, "a host is neither a name nor an address ([...] for IPv6)");
  }
  host.name = name;
  return host;
}

Result<std::vector<SqlUrl::Host>> ParseHosts(std::string_view list) {
  std::vector<SqlUrl::Host> hosts;
  for (;;) {
    if (hosts.size() == kMaxHosts) return Fail(Code::kInvalid, "more than {} hosts", kMaxHosts);
    const std::size_t comma = list.find(',');
    hosts.push_back(TRY(ParseHost(list.substr(0, comma))));
    if (comma == std::string_view::npos) return hosts;
    list.remove_prefix(comma + 1);
  }
}

}  // namespace

Result<SqlUrl> ParseSqlUrl(std::string_view text) {
  constexpr std::string_view kForm = "mysql://user:password@host[:port][,host[:port]...]/database";
  if (!text.starts_with(kScheme)) return Fail(Code::kInvalid, "it must be of the form {}", kForm);
  text.remove_prefix(kScheme.size());
  const std::size_t slash = text.find('/');
  const std::string_view authority = text.substr(0, slash);
  const std::size_t at = authority.find('@');
  if (slash == std::string_view::npos || at == std::string_view::npos ||
      authority.find('@', at + 1) != std::string_view::npos) {
    return Fail(Code::kInvalid,
                "it must be of the form {}, with '/', '@' and '%' in a password written as %2F, "
                "%40 and %25",
                kForm);
  }
  const std::string_view login = authority.substr(0, at);
  const std::size_t colon = login.find(':');

  SqlUrl url;
  url.hosts = TRY(ParseHosts(authority.substr(at + 1)));
  url.user = TRY(PercentDecoded(login.substr(0, colon)));
  if (url.user.empty()) return Fail(Code::kInvalid, "it names no user");
  if (colon != std::string_view::npos) {
    url.password = TRY(PercentDecoded(login.substr(colon + 1)));
  }
  url.database = TRY(PercentDecoded(text.substr(slash + 1)));
  if (!IsMadeOf(url.database, "_$-") || url.database.size() > kMaxDatabaseName) {
    return Fail(Code::kInvalid, "its database is not a name of 1 to {} letters, digits, _, $ or -",
                kMaxDatabaseName);
  }
  return url;
}

Result<SqlUrl> ReadSqlUrl(const std::string& text) {
  if (!text.starts_with('/')) return ParseSqlUrl(text);
  const std::string kept = TRY(ReadSecretFile(text, kMaxFile));
  return ParseSqlUrl(std::string_view(kept).substr(0, kept.find_last_not_of(" \t\r\n") + 1));
}

std::string WithoutPassword(const SqlUrl& url) {
  std::string hosts;
  for (const SqlUrl::Host& host : url.hosts) {
    const bool bracket = host.name.find(':') != std::string::npos;
    hosts += fmt::format("{}{}:{}", hosts.empty() ? "" : ",",
                         bracket ? "[" + host.name + "]" : host.name, host.port);
  }
  return fmt::format("mysql://{}:***@{}/{}", url.user, hosts, url.database);
}

}  // namespace sf
