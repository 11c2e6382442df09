// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gossip/codec.h"
#include "gossip/member.h"

namespace sf::gossip {

struct Datagram {
  Address to;
  std::string bytes;
};

/// What is to be said at this moment, by receiver: everything for one goes in one datagram, as far
/// as it fits.
///
/// Thread: loop.
class Outbox {
 public:
  void Add(const Address& to, const Part& part) { AddEncoded(to, EncodePart(part)); }
  void AddEncoded(const Address& to, std::string part) { parts_[to].push_back(std::move(part)); }

  std::vector<Datagram> Flush(const NodeId& from, BootId boot, std::size_t limit) {
    std::vector<Datagram> datagrams;
    for (const auto& [to, parts] : parts_) {
      for (std::string& bytes : Assemble(from, boot, parts, limit)) {
        datagrams.push_back({to, std::move(bytes)});
      }
    }
    parts_.clear();
    return datagrams;
  }

 private:
  std::map<Address, std::vector<std::string>> parts_;
};

}  // namespace sf::gossip
