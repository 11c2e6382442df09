// SPDX-License-Identifier: Apache-2.0
#include "node/base/netblock.h"

#include <charconv>

#include "node/base/check.h"

namespace sf {
namespace {

constexpr int kBits = 32;

/// A decimal number of at most `largest` at the start of `text`, which it is taken from.
std::optional<std::uint32_t> TakeNumber(std::string_view& text, std::uint32_t largest) {
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  const auto length = static_cast<std::size_t>(end - text.data());
  // A leading zero means octal to some and decimal to others: it is refused.
  if (error != std::errc() || number > largest || (length > 1 && text.front() == '0')) return {};
  text.remove_prefix(length);
  return number;
}

std::uint32_t Mask(int prefix_length) {
  return prefix_length == 0 ? 0 : ~std::uint32_t{0} << (kBits - prefix_length);
}

}  // namespace

Result<IpAddress> IpAddress::Parse(std::string_view text) {
  std::string_view rest = text;
  IpAddress address;
  for (int i = 0; i < 4; ++i) {
    if (i > 0) {
      if (rest.empty() || rest.front() != '.') {
        return Fail(Code::kInvalid, "'{}' is not an IPv4 address", text);
      }
      rest.remove_prefix(1);
    }
    const auto byte = TakeNumber(rest, 255);
    if (!byte) return Fail(Code::kInvalid, "'{}' is not an IPv4 address", text);
    address.value = address.value << 8 | *byte;
  }
  if (!rest.empty()) return Fail(Code::kInvalid, "'{}' is not an IPv4 address", text);
  return address;
}

Result<Netblock> Netblock::Parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) {
    return Fail(Code::kInvalid, "'{}' is not a network: it has no /prefix", text);
  }
  const auto network = IpAddress::Parse(text.substr(0, slash));
  std::string_view rest = text.substr(slash + 1);
  const auto prefix_length = TakeNumber(rest, kBits);
  if (!network || !prefix_length || !rest.empty()) {
    return Fail(Code::kInvalid, "'{}' is not a network, like 192.168.10.0/24", text);
  }
  Netblock netblock;
  netblock.network_ = *network;
  netblock.prefix_length_ = static_cast<int>(*prefix_length);
  if ((network->value & ~Mask(netblock.prefix_length_)) != 0) {
    return Fail(Code::kInvalid, "'{}' is not a network: it has bits set behind its prefix", text);
  }
  return netblock;
}

Netblock Netblock::Of(IpAddress address) {
  Netblock netblock;
  netblock.network_ = address;
  return netblock;
}

IpAddress Netblock::netmask() const { return {Mask(prefix_length_)}; }

IpAddress Netblock::broadcast() const { return {network_.value | ~Mask(prefix_length_)}; }

bool Netblock::Contains(IpAddress address) const {
  return (address.value & Mask(prefix_length_)) == network_.value;
}

bool Netblock::Overlaps(const Netblock& other) const {
  return Contains(other.network_) || other.Contains(network_);
}

IpAddress Netblock::At(std::uint64_t n) const {
  SF_CHECK(n < size());
  return {network_.value + static_cast<std::uint32_t>(n)};
}

bool Netblock::IsForInstances(IpAddress address) const {
  return Contains(address) && address.value > network_.value + 1 && address < broadcast();
}

std::optional<IpAddress> Netblock::FirstFree(const std::set<IpAddress>& taken) const {
  for (IpAddress address = {network_.value + 2}; IsForInstances(address); ++address.value) {
    if (!taken.contains(address)) return address;
  }
  return std::nullopt;
}

std::string ToString(IpAddress address) {
  return fmt::format("{}.{}.{}.{}", address.value >> 24, address.value >> 16 & 0xff,
                     address.value >> 8 & 0xff, address.value & 0xff);
}

std::string ToString(const Netblock& netblock) {
  return fmt::format("{}/{}", ToString(netblock.network()), netblock.prefix_length());
}

}  // namespace sf
