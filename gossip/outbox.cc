// SPDX-License-Identifier: Apache-2.0
#include "gossip/outbox.h"

namespace sf::gossip {

void Outbox::Put(const Address& to, std::string part, Time due) {
  Letter& letter = letters_[to];
  letter.parts.push_back(std::move(part));
  if (due >= letter.due) return;
  due_.erase({letter.due, to});
  letter.due = due;
  due_.emplace(due, to);
}

std::vector<Datagram> Outbox::Flush(Time now, const NodeId& from, BootId boot, std::size_t limit) {
  std::vector<Datagram> datagrams;
  while (next_flush() <= now) {
    const Address to = due_.begin()->second;
    for (std::string& bytes : Assemble(from, boot, letters_.at(to).parts, limit)) {
      datagrams.push_back({to, std::move(bytes)});
    }
    letters_.erase(to);
    due_.erase(due_.begin());
  }
  return datagrams;
}

}  // namespace sf::gossip
