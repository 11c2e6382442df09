// SPDX-License-Identifier: Apache-2.0
#include "gossip/directory.h"

#include <algorithm>
#include <utility>

#include "gossip/advert_codec.h"

namespace sf::gossip {

bool Directory::On(const Event& event) {
  const NodeId& node = event.said.name;
  if (event.kind == Event::Kind::kForgotten) return Forget(node);
  const auto parts = parts_.find(node);
  // In a new life of its own it has not said anything yet.
  const bool forgot =
      parts != parts_.end() && parts->second.boot != event.said.boot && Forget(node);
  if (event.kind != Event::Kind::kAnnounced) return forgot;
  return Take(node, event.said.boot, event.item) || forgot;
}

const Advert* Directory::Find(const NodeId& node) const {
  const auto entry = adverts_.find(node);
  return entry == adverts_.end() ? nullptr : &entry->second;
}

bool Directory::Forget(const NodeId& node) {
  parts_.erase(node);
  return adverts_.erase(node) != 0;
}

bool Directory::Take(const NodeId& owner, BootId boot, const Item& item) {
  Advert& advert = adverts_[owner];
  Parts& parts = parts_[owner];
  parts.boot = boot;
  const auto take = [&](auto& part) {
    if (item.payload.empty()) part = {};
    return item.payload.empty() || DecodeItem(item.payload, part);
  };
  bool known = true;
  bool good = true;
  if (item.key == kIdentityKey) {
    good = take(advert.identity);
  } else if (item.key == kCapacityKey) {
    good = take(advert.capacity);
  } else if (item.key == kRoleKey) {
    good = take(advert.role);
    if (advert.role.highest.term > highest_.term) highest_ = advert.role.highest;
  } else if (item.key == kImagesKey) {
    MarkItem marks;
    good = take(marks);
    if (good) advert.images = {marks.begin(), marks.end()};
  } else if (item.key >= kFirstMeshKey && item.key < kFirstMeshKey + kMeshKeys) {
    good = TakeMeshes(advert, parts, item);
  } else if (item.key >= kFirstInstanceKey && item.key <= kLastInstanceKey) {
    good = TakeInstance(advert, parts, item);
  } else {
    known = false;  // a newer node's
  }
  if (!good) ++malformed_;
  return known && good;
}

bool Directory::TakeInstance(Advert& advert, Parts& parts, const Item& item) {
  InstanceItem instance;
  if (!item.payload.empty() && !DecodeItem(item.payload, instance)) return false;
  if (auto old = parts.instances.extract(item.key)) {
    // It may have been given another key before this one was taken back: news overtakes news.
    const auto same = [&old](const auto& part) { return part.second == old.mapped(); };
    if (std::ranges::none_of(parts.instances, same)) advert.instances.erase(old.mapped());
  }
  if (item.payload.empty()) return true;
  parts.instances[item.key] = instance.first;
  advert.instances[instance.first] = std::move(instance.second);
  return true;
}

bool Directory::TakeMeshes(Advert& advert, Parts& parts, const Item& item) {
  MeshItem meshes;
  if (!item.payload.empty() && !DecodeItem(item.payload, meshes)) return false;
  for (const std::uint32_t vni : parts.meshes[item.key]) advert.meshes.erase(vni);
  parts.meshes[item.key] = {meshes.begin(), meshes.end()};
  advert.meshes.insert(meshes.begin(), meshes.end());
  return true;
}

}  // namespace sf::gossip
