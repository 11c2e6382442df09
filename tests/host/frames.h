// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>

#include "node/base/netblock.h"

/// What guests say, byte by byte, true or not.
namespace frames {

inline std::string Bytes(std::initializer_list<int> values) {
  std::string bytes;
  for (const int value : values) bytes += static_cast<char>(value);
  return bytes;
}

inline std::string Short(int value) { return Bytes({value >> 8, value & 0xff}); }

inline std::string MacBytes(const std::string& mac) {
  std::string bytes;
  for (std::size_t i = 0; i < mac.size(); i += 3) {
    bytes += static_cast<char>(std::stoi(mac.substr(i, 2), nullptr, 16));
  }
  return bytes;
}

inline std::string IpBytes(const char* text) {
  const std::uint32_t value = sf::IpAddress::Parse(text).value().value;
  return Short(static_cast<int>(value >> 16)) + Short(static_cast<int>(value & 0xffff));
}

inline std::string Frame(const std::string& mac, int type, const std::string& payload) {
  return std::string(6, '\xff') + MacBytes(mac) + Short(type) + payload;
}

inline std::string Arp(int operation, const std::string& sender, const char* address,
                       const char* about) {
  return Short(1) + Short(0x0800) + Bytes({6, 4}) + Short(operation) + MacBytes(sender) +
         IpBytes(address) + std::string(6, '\0') + IpBytes(about);
}

inline int Checksum(const std::string& header) {
  unsigned sum = 0;
  for (std::size_t i = 0; i < header.size(); i += 2) {
    sum += static_cast<unsigned>(static_cast<unsigned char>(header[i]) << 8 |
                                 static_cast<unsigned char>(header[i + 1]));
  }
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<int>(~sum & 0xffff);
}

inline std::string Ipv4(const char* from, const char* to, const std::string& udp) {
  std::string header = Bytes({0x45, 0}) + Short(static_cast<int>(20 + udp.size())) +
                       Bytes({0, 0, 0, 0, 64, 17, 0, 0}) + IpBytes(from) + IpBytes(to);
  header.replace(10, 2, Short(Checksum(header)));
  return header + udp;
}

inline std::string Udp(int from, int to, const std::string& payload) {
  return Short(from) + Short(to) + Short(static_cast<int>(8 + payload.size())) + Short(0) + payload;
}

/// What asks for, or gives, an address to the guest of that MAC address.
inline std::string Bootp(const std::string& mac) {
  return Bytes({1, 1, 6, 0}) + std::string(24, '\0') + MacBytes(mac) + std::string(202, '\0') +
         Bytes({0x63, 0x82, 0x53, 0x63, 0x35, 1, 1, 0xff});
}

/// `source` is the last byte of a link-local address; 0: the unspecified one.
inline std::string Ipv6(int source, int next, const std::string& payload) {
  std::string from(16, '\0');
  if (source != 0) from = Bytes({0xfe, 0x80}) + std::string(13, '\0') + Bytes({source});
  const std::string to = Bytes({0xff, 2}) + std::string(13, '\0') + Bytes({1});
  return Bytes({0x60, 0, 0, 0}) + Short(static_cast<int>(payload.size())) + Bytes({next, 255}) +
         from + to + payload;
}

inline std::string Icmp6(int type) { return Bytes({type, 0, 0, 0}) + std::string(20, '\0'); }

}  // namespace frames
