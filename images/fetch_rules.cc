// SPDX-License-Identifier: Apache-2.0
#include "images/fetch_rules.h"

#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "node/base/number.h"

namespace sf::images {
namespace {

constexpr int kBits = 128;
constexpr int kMappedBits = 96;  ///< ::ffff:0:0/96 holds IPv4

std::optional<ServerAddress> ParseAddress(const std::string& text) {
  ServerAddress address = {};
  if (::inet_pton(AF_INET6, text.c_str(), address.data()) == 1) return address;
  address[10] = address[11] = 0xff;
  if (::inet_pton(AF_INET, text.c_str(), &address[12]) == 1) return address;
  return std::nullopt;
}

bool IsIn(const ServerAddress& address, const ServerAddress& prefix, int bits) {
  for (int i = 0; i < bits; ++i) {
    const auto byte = static_cast<std::size_t>(i / 8);
    if (((address[byte] ^ prefix[byte]) & 0x80 >> i % 8) != 0) return false;
  }
  return true;
}

/// A name as it is compared: lower case, without the dot that may end it.
std::string Plain(std::string_view name) {
  if (name.ends_with('.')) name.remove_suffix(1);
  std::string plain(name);
  for (char& c : plain) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return plain;
}

bool IsName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '.' || c == '-' || c == '_';
  });
}

/// What nobody means who offers images to others. Private networks are not among it: that is where
/// many have their images.
struct Reserved {
  const char* netblock;
  const char* what;
};
constexpr Reserved kReserved[] = {
    {"0.0.0.0/8", "this host"},   {"127.0.0.0/8", "loopback"}, {"169.254.0.0/16", "link-local"},
    {"224.0.0.0/4", "multicast"}, {"240.0.0.0/4", "reserved"}, {"::1/128", "loopback"},
    {"::/96", "unspecified"},     {"fe80::/10", "link-local"}, {"ff00::/8", "multicast"},
};

std::optional<std::string> WhyReserved(const ServerAddress& address) {
  static const auto lists = [] {
    std::vector<std::pair<ServerList, const char*>> all;
    for (const Reserved& one : kReserved) {
      all.emplace_back(ServerList::Parse({one.netblock}).value(), one.what);
    }
    return all;
  }();
  for (const auto& [list, what] : lists) {
    if (const std::string* const block = list.FindAddress(address)) {
      return fmt::format("{} ({})", what, *block);
    }
  }
  return std::nullopt;
}

/// A NAT64 gateway would go on to the IPv4 address that is in the end of this one (RFC 6052).
ServerAddress WithoutNat64(ServerAddress address) {
  static const ServerAddress prefix = ParseAddress("64:ff9b::").value();
  if (!IsIn(address, prefix, kMappedBits)) return address;
  std::fill_n(address.begin(), 10, 0);
  address[10] = address[11] = 0xff;
  return address;
}

/// What `target` leads to, as far as it is known: the address in its URL, and the one that is
/// about to be asked. By way of a proxy these are two.
std::vector<std::string> AddressesOf(const HttpTarget& target) {
  std::vector<std::string> addresses;
  std::string literal = target.host;
  if (literal.starts_with('[') && literal.ends_with(']')) {
    literal = literal.substr(1, literal.size() - 2);
    literal = literal.substr(0, literal.find('%'));  // A zone.
  }
  if (ParseAddress(literal)) addresses.push_back(literal);
  if (!target.address.empty() && target.address != literal) addresses.push_back(target.address);
  return addresses;
}

tl::unexpected<Error> Denied(const HttpTarget& target, const std::string& by) {
  return Fail(Code::kForbidden, "{}: nothing is fetched from {}, which IMAGE_DENY lists as '{}'",
              target.url, target.address.empty() ? target.host : target.address, by);
}

Result<void> JudgeUnlisted(const HttpTarget& target, const std::string& text,
                           const std::set<std::string>& nodes) {
  const ServerAddress address = WithoutNat64(*ParseAddress(text));
  std::optional<std::string> why = WhyReserved(address);
  const auto is_address = [&](const std::string& node) { return ParseAddress(node) == address; };
  if (!why && std::any_of(nodes.begin(), nodes.end(), is_address)) why = "an address of a node";
  if (!why) return {};
  return Fail(Code::kForbidden,
              "{}: it leads to {}, which is {}: nothing is fetched from there unless IMAGE_ALLOW "
              "lists it",
              target.url, text, *why);
}

}  // namespace

Result<ServerList> ServerList::Parse(const std::vector<std::string>& entries) {
  ServerList list;
  for (const std::string& entry : entries) {
    const std::size_t slash = std::min(entry.find('/'), entry.size());
    const auto address = ParseAddress(entry.substr(0, slash));
    if (!address) {
      const std::string name = Plain(entry);
      if (!IsName(std::string_view(name).substr(name.starts_with("*.") ? 2 : 0))) {
        return Fail(Code::kInvalid,
                    "'{}' is no host name, *.end.of.names, address or netblock like 10.0.0.0/8",
                    entry);
      }
      list.names_.push_back(name);
      continue;
    }
    const bool ipv4 = entry.find(':') == std::string::npos;
    const int longest = ipv4 ? kBits - kMappedBits : kBits;
    const int bits = slash == entry.size()
                         ? longest
                         : ToNumber<int>(std::string_view(entry).substr(slash + 1)).value_or(-1);
    if (bits < 0 || bits > longest) {
      return Fail(Code::kInvalid, "'{}' has no prefix from 0 to {}", entry, longest);
    }
    list.blocks_.push_back({*address, ipv4 ? bits + kMappedBits : bits, entry});
  }
  return list;
}

const std::string* ServerList::FindName(std::string_view host) const {
  const std::string wanted = Plain(host);
  for (const std::string& name : names_) {
    if (name == wanted) return &name;
    if (name.starts_with("*.") && wanted.size() >= name.size() &&
        wanted.ends_with(std::string_view(name).substr(1))) {
      return &name;
    }
  }
  return nullptr;
}

const std::string* ServerList::FindAddress(const ServerAddress& address) const {
  for (const Block& block : blocks_) {
    if (IsIn(address, block.prefix, block.bits)) return &block.entry;
  }
  return nullptr;
}

Result<void> FetchRules::Judge(const HttpTarget& target, const std::set<std::string>& nodes) const {
  if (const std::string* const entry = deny.FindName(target.host)) return Denied(target, *entry);
  const std::vector<std::string> addresses = AddressesOf(target);
  for (const std::string& text : addresses) {
    const auto address = ParseAddress(text);
    if (!address) return Fail(Code::kInternal, "'{}' is no address", text);
    const std::string* entry = deny.FindAddress(*address);
    if (entry == nullptr) entry = deny.FindAddress(WithoutNat64(*address));
    if (entry != nullptr) return Denied(target, *entry);
  }
  if (allow.FindName(target.host) != nullptr) return {};
  for (const std::string& text : addresses) {
    if (allow.FindAddress(*ParseAddress(text)) == nullptr) {
      TRY(JudgeUnlisted(target, text, nodes));
    }
  }
  return {};
}

}  // namespace sf::images
