// SPDX-License-Identifier: Apache-2.0
#include "node/store/picture.h"

#include <algorithm>
#include <tuple>

namespace sf::store {
namespace {

template <class T>
bool Fits(const std::optional<T>& wanted, const T& value) {
  return !wanted || *wanted == value;
}

/// Calls `visit` with what `uuid` names, if it does, or with all.
template <class Map, class Visit>
void ForEach(const Map& map, const std::optional<typename Map::key_type>& uuid, Visit visit) {
  if (!uuid) {
    for (const auto& [id, kept] : map) visit(*kept);
  } else if (const auto named = map.find(*uuid); named != map.end()) {
    visit(*named->second);
  }
}

template <class Record>
void SortByCreation(std::vector<const Kept<Record>*>& found) {
  std::ranges::sort(found, [](const Kept<Record>* a, const Kept<Record>* b) {
    return std::tie(a->created_at, a->uuid) < std::tie(b->created_at, b->uuid);
  });
}

}  // namespace

std::vector<const Kept<Instance>*> Picture::List(const InstanceFilter& filter) const {
  std::vector<const Kept<Instance>*> found;
  ForEach(instances, filter.uuid, [&](const Kept<Instance>& instance) {
    if (Fits(filter.name, instance.spec.name) &&
        Fits(filter.name_space, instance.spec.name_space) && Fits(filter.node, instance.node)) {
      found.push_back(&instance);
    }
  });
  SortByCreation(found);
  return found;
}

std::vector<const Kept<Network>*> Picture::List(const NetworkFilter& filter) const {
  std::vector<const Kept<Network>*> found;
  ForEach(networks, filter.uuid, [&](const Kept<Network>& network) {
    if (Fits(filter.name, network.name) && Fits(filter.name_space, network.name_space)) {
      found.push_back(&network);
    }
  });
  SortByCreation(found);
  return found;
}

std::vector<Interface> Picture::List(const InterfaceFilter& filter) const {
  std::vector<Interface> found;
  ForEach(instances, filter.instance, [&](const Instance& instance) {
    for (const Interface& interface : instance.interfaces) {
      if (Fits(filter.uuid, interface.uuid) && Fits(filter.network, interface.network)) {
        found.push_back(interface);
      }
    }
  });
  return found;
}

const NamespaceKey* Picture::FindKey(const NamespaceId& name_space, const std::string& name) const {
  const auto space = keys.find(name_space);
  if (space == keys.end()) return nullptr;
  const auto key = std::ranges::find(space->second, name, &NamespaceKey::name);
  return key == space->second.end() ? nullptr : &*key;
}

}  // namespace sf::store
