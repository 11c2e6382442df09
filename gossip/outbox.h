// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
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

/// What is to be said, by receiver: everything for one goes in one datagram, as far as it fits.
/// What can wait does so until something else goes there, or its time is up.
///
/// Thread: loop.
class Outbox {
 public:
  void Add(const Address& to, const Part& part) { AddEncoded(to, EncodePart(part)); }
  void AddEncoded(const Address& to, std::string part) { Put(to, std::move(part), Time::min()); }
  void AddUntil(Time due, const Address& to, const Part& part) { Put(to, EncodePart(part), due); }

  /// What is due.
  std::vector<Datagram> Flush(Time now, const NodeId& from, BootId boot, std::size_t limit);
  Time next_flush() const { return due_.empty() ? Time::max() : due_.begin()->first; }

 private:
  struct Letter {
    Time due = Time::max();
    std::vector<std::string> parts = {};
  };
  void Put(const Address& to, std::string part, Time due);

  std::map<Address, Letter> letters_;
  std::set<std::pair<Time, Address>> due_;
};

}  // namespace sf::gossip
