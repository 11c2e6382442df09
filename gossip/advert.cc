// SPDX-License-Identifier: Apache-2.0
#include "gossip/advert.h"

#include <algorithm>
#include <utility>

#include "gossip/advert_codec.h"
#include "gossip/random.h"

namespace sf::gossip {

std::vector<AdvertWriter::Change> AdvertWriter::Update(const Advert& advert) {
  std::vector<Change> changes;
  // The role first: it is what somebody may be waiting for.
  Say(kRoleKey, EncodeItem(advert.role), changes);
  Say(kIdentityKey, EncodeItem(advert.identity), changes);
  Say(kCapacityKey, EncodeItem(advert.capacity), changes);
  SayImages(advert.images, changes);
  SayMeshes(advert.meshes, changes);
  SayInstances(advert.instances, changes);
  return changes;
}

void AdvertWriter::Say(std::uint32_t key, std::string payload, std::vector<Change>& changes) {
  const auto said = said_.find(key);
  if (said == said_.end() ? payload.empty() : said->second == payload) return;
  if (payload.empty()) {
    said_.erase(said);
  } else {
    said_[key] = payload;
  }
  changes.push_back({key, std::move(payload)});
}

void AdvertWriter::SayImages(const std::set<std::uint32_t>& images, std::vector<Change>& changes) {
  MarkItem item(images.begin(), images.end());
  item.resize(std::min(item.size(), kMaxImages));
  Say(kImagesKey, item.empty() ? "" : EncodeItem(item), changes);
}

void AdvertWriter::SayMeshes(const std::set<std::uint32_t>& meshes, std::vector<Change>& changes) {
  std::vector<MeshItem> items(kMeshKeys);
  for (const std::uint32_t vni : meshes) {
    MeshItem& item = items[Mix(vni) % kMeshKeys];
    if (item.size() < kMeshesPerItem) item.push_back(vni);
  }
  for (std::uint32_t i = 0; i < kMeshKeys; ++i) {
    Say(kFirstMeshKey + i, items[i].empty() ? "" : EncodeItem(items[i]), changes);
  }
}

void AdvertWriter::SayInstances(const std::map<InstanceId, InstanceReport>& instances,
                                std::vector<Change>& changes) {
  std::erase_if(slots_, [&](const auto& slot) {
    if (instances.contains(slot.first)) return false;
    free_slots_.insert(slot.second);
    return true;
  });
  for (const auto& instance : instances) {
    auto slot = slots_.find(instance.first);
    if (slot == slots_.end()) {
      if (slots_.size() == kMaxInstances) continue;
      if (free_slots_.empty()) free_slots_.insert(next_slot_++);
      slot = slots_.emplace(instance.first, free_slots_.extract(free_slots_.begin()).value()).first;
    }
    Say(kFirstInstanceKey + slot->second, EncodeItem(instance), changes);
  }
  for (const std::uint32_t slot : free_slots_) Say(kFirstInstanceKey + slot, "", changes);
}

}  // namespace sf::gossip
