// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>

#include "gossip/advert.h"
#include "gossip/event.h"

namespace sf::gossip {

/// The newest advert of each other node, as far as it has arrived. Bounded by what Gossip takes in:
/// so many members, so many items of each.
///
/// Thread: loop. Invariant: holds no more than what the node itself announced in its present life.
class Directory {
 public:
  /// Takes in any event of Gossip. True if an advert is now another.
  bool On(const Event& event);

  /// nullptr as long as that node has announced nothing.
  const Advert* Find(const NodeId& node) const;
  const std::map<NodeId, Advert>& adverts() const { return adverts_; }
  /// The greatest term that any of them ever spoke of.
  const Tenure& highest() const { return highest_; }
  /// Items that could not be read and were left out.
  std::uint64_t malformed() const { return malformed_; }

 private:
  /// What of an advert is said by which item, so that the next one under that key can replace it.
  struct Parts {
    BootId boot = 0;
    std::map<std::uint32_t, InstanceId> instances;
    std::map<std::uint32_t, std::set<std::uint32_t>> meshes;
  };

  bool Take(const NodeId& owner, BootId boot, const Item& item);
  bool TakeInstance(Advert& advert, Parts& parts, const Item& item);
  bool TakeMeshes(Advert& advert, Parts& parts, const Item& item);
  bool Forget(const NodeId& node);

  std::map<NodeId, Advert> adverts_;
  std::map<NodeId, Parts> parts_;
  Tenure highest_;
  std::uint64_t malformed_ = 0;
};

}  // namespace sf::gossip
