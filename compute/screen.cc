// SPDX-License-Identifier: Apache-2.0
#include "compute/screen.h"

#include <fmt/chrono.h>
#include <sodium.h>

#include <charconv>
#include <string_view>

namespace sf::compute {
namespace {

// The protocol of VNC takes no more than 8 characters, some 47 bits: enough against guessing for as
// long as one is valid.
constexpr std::size_t kVncPasswordLength = 8;
constexpr std::size_t kSpicePasswordLength = 24;

std::string RandomPassword(std::size_t length) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  std::string password;
  for (std::size_t i = 0; i < length; ++i) {
    password += kLetters[randombytes_uniform(kLetters.size())];
  }
  return password;
}

/// Where ` name='value'` stands in a tag as libvirt writes it, which escapes quotes in values.
struct Attribute {
  std::size_t begin = std::string::npos;
  std::size_t length = 0;
  std::string value;
};
Attribute Find(const std::string& tag, std::string_view name) {
  const std::string before = fmt::format(" {}='", name);
  const std::size_t begin = tag.find(before);
  const std::size_t end = begin == tag.npos ? begin : tag.find('\'', begin + before.size());
  if (end == tag.npos) return {};
  const std::size_t value = begin + before.size();
  return {begin, end + 1 - begin, tag.substr(value, end - value)};
}

}  // namespace

Result<ScreenChange> NewPassword(const std::string& domain_xml, std::time_t valid_until) {
  constexpr std::string_view kBegin = "<graphics type='";
  constexpr std::string_view kEnd = "</graphics>";
  const std::size_t begin = domain_xml.find(kBegin);
  const std::size_t body = domain_xml.find('>', begin);
  const std::size_t end = domain_xml.find(kEnd, body);
  if (begin == domain_xml.npos || end == domain_xml.npos) {
    return Fail(Code::kConflict, "its domain has no screen");
  }
  std::string tag = domain_xml.substr(begin, body - begin);
  for (const std::string_view name : {"passwd", "passwdValidTo", "connected"}) {
    if (const Attribute old = Find(tag, name); old.begin != tag.npos) {
      tag.erase(old.begin, old.length);
    }
  }
  ScreenChange change;
  Screen& screen = change.screen;
  screen.type = Find(tag, "type").value;
  const std::string port = Find(tag, "port").value;
  std::from_chars(port.data(), port.data() + port.size(), screen.port);
  const bool vnc = screen.type == "vnc";
  if (screen.port == 0 || !(vnc || screen.type == "spice")) {
    return Fail(Code::kConflict, "its screen is no SPICE or VNC server with a port");
  }
  screen.password = RandomPassword(vnc ? kVncPasswordLength : kSpicePasswordLength);
  change.graphics_xml =
      fmt::format("{} passwd='{}' passwdValidTo='{:%Y-%m-%dT%H:%M:%S}'{}", tag, screen.password,
                  fmt::gmtime(valid_until), domain_xml.substr(body, end + kEnd.size() - body));
  return change;
}

}  // namespace sf::compute
