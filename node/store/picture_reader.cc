// SPDX-License-Identifier: Apache-2.0
#include "node/store/picture_reader.h"

#include <algorithm>
#include <iterator>

#include "node/store/node_rows.h"

namespace sf::store {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

// All rows are compared after a failure, and so often otherwise: whatever was missed, by a
// transaction of half a minute or a clock that jumped, is mended by then.
constexpr auto kWholePeriod = 60s;
constexpr char kLongAgo[] = "1971-01-01 00:00:00";

// What has a record of its own: which, its row's key, when the row changed. An interface is part of
// its instance's record. If the clock was set back, rows of before are ahead of it and all come.
constexpr char kChanges[] =
    "SELECT 'now', '', CAST(NOW(6) AS CHAR), CAST(UNIX_TIMESTAMP(NOW(6)) AS CHAR)"
    " UNION ALL SELECT 'instance', uuid, CAST(changed_at AS CHAR), uuid FROM instances"
    " WHERE changed_at >= LEAST(CAST(? AS DATETIME(6)), NOW(6)) - INTERVAL 30 SECOND"
    " UNION ALL SELECT 'instance', instance_uuid, CAST(changed_at AS CHAR), uuid FROM interfaces"
    " WHERE changed_at >= LEAST(CAST(? AS DATETIME(6)), NOW(6)) - INTERVAL 30 SECOND"
    " UNION ALL SELECT 'network', uuid, CAST(changed_at AS CHAR), uuid FROM networks"
    " WHERE changed_at >= LEAST(CAST(? AS DATETIME(6)), NOW(6)) - INTERVAL 30 SECOND"
    " UNION ALL SELECT 'namespace', name, CAST(changed_at AS CHAR), name FROM namespaces"
    " WHERE changed_at >= LEAST(CAST(? AS DATETIME(6)), NOW(6)) - INTERVAL 30 SECOND";

/// Calls `read` with the keys in groups of three sizes, so that few statements are prepared; a
/// group that is too small repeats its last key.
template <class Id, class Read>
Result<void> InGroups(const std::set<std::string>& keys, Read read) {
  constexpr std::size_t kFew = 16, kMany = 256;
  std::vector<Id> group;
  for (const std::string& key : keys) {
    group.emplace_back(key);
    if (group.size() < kMany) continue;
    TRY(read(std::exchange(group, {})));
  }
  if (group.empty()) return {};
  if (group.size() > 1) group.resize(group.size() <= kFew ? kFew : kMany, group.back());
  return read(group);
}

/// Adds the keys of `map` that `present` does not have to `gone`.
template <class Map>
void AddMissing(const Map& map, const std::set<std::string>& present, std::set<std::string>& gone) {
  for (const auto& [id, record] : map) {
    if (!present.contains(id.value)) gone.insert(id.value);
  }
}

/// The nodes anew, as those of `last` but for what their instances use, which is the same.
Result<std::vector<NodeRecord>> RenewNodes(Database& database,
                                           const std::vector<NodeRecord>& last) {
  auto nodes = TRY(SelectNodes(database, /*with_use=*/false));
  for (NodeRecord& node : nodes) {
    const auto known = std::ranges::find(last, node.name, &NodeRecord::name);
    if (known == last.end()) return SelectNodes(database, /*with_use=*/true);
    node.used = known->used;
  }
  return nodes;
}

}  // namespace

Result<Picture> PictureReader::Read(const Picture& last) {
  const auto begun = Clock::now();
  const bool whole = begun >= whole_due_;
  const auto next_whole = whole ? begun + kWholePeriod : whole_due_;
  whole_due_ = begun;  // Until this has gone well.
  Changes changes = TRY(ReadChanges(whole));
  Objects& objects = changes.objects;
  if (whole) {
    AddMissing(last.instances, changes.present.instances, objects.instances);
    AddMissing(last.networks, changes.present.networks, objects.networks);
    AddMissing(last.keys, changes.present.namespaces, objects.namespaces);
  }
  Picture picture = last;
  TRY(RenewInstances(objects.instances, picture));
  TRY(RenewNetworks(objects.networks, picture));
  TRY(RenewKeys(objects.namespaces, picture));
  if (!objects.namespaces.empty()) picture.trusted_by = TRY(store_.namespaces.TrustedBy());
  // What they use changes with a row of an instance, and not without.
  const bool same_use = !whole && objects.instances.empty();
  picture.nodes = same_use ? TRY(RenewNodes(store_.database, last.nodes))
                           : TRY(SelectNodes(store_.database, /*with_use=*/true));
  const bool same_nodes =
      std::ranges::equal(picture.nodes, last.nodes, {}, &NodeRecord::name, &NodeRecord::name);
  if (!objects.empty() || !same_nodes) ++picture.changes;

  picture.as_of = changes.epoch;
  if (whole) times_.clear();
  for (auto& [key, time] : changes.times) times_[key] = std::move(time);
  read_at_ = changes.now;
  whole_due_ = next_whole;
  return picture;
}

Result<PictureReader::Changes> PictureReader::ReadChanges(bool whole) const {
  const std::string since = whole ? kLongAgo : read_at_;
  Changes changes;
  for (const Row& row : TRY(store_.database.Query(kChanges, since, since, since, since))) {
    const std::string& kind = row.Text(0);
    if (kind == "now") {
      changes.now = row.Text(2);
      changes.epoch = row.Real(3);
      continue;
    }
    const auto of_kind = [&kind](Objects& objects) -> Keys& {
      return kind == "instance"  ? objects.instances
             : kind == "network" ? objects.networks
                                 : objects.namespaces;
    };
    of_kind(changes.present).insert(row.Text(1));
    const std::string key = kind + row.Text(3);
    const auto known = times_.find(key);
    if (known == times_.end() || known->second != row.Text(2)) {
      of_kind(changes.objects).insert(row.Text(1));
    }
    changes.times[key] = row.Text(2);
  }
  return changes;
}

Result<void> PictureReader::RenewInstances(const Keys& uuids, Picture& picture) const {
  for (const std::string& uuid : uuids) picture.instances.erase(InstanceId(uuid));
  return InGroups<InstanceId>(uuids, [&](const std::vector<InstanceId>& group) -> Result<void> {
    for (Instance& instance : TRY(store_.instances.List({.among = group}))) {
      const InstanceId id = instance.uuid;
      picture.instances[id] = std::make_shared<const Kept<Instance>>(std::move(instance));
    }
    return {};
  });
}

Result<void> PictureReader::RenewNetworks(const Keys& uuids, Picture& picture) const {
  for (const std::string& uuid : uuids) picture.networks.erase(NetworkId(uuid));
  return InGroups<NetworkId>(uuids, [&](const std::vector<NetworkId>& group) -> Result<void> {
    for (Network& network : TRY(store_.networks.List({.among = group}))) {
      const NetworkId id = network.uuid;
      picture.networks[id] = std::make_shared<const Kept<Network>>(std::move(network));
    }
    return {};
  });
}

Result<void> PictureReader::RenewKeys(const Keys& names, Picture& picture) const {
  for (const std::string& name : names) {
    const NamespaceId id(name);
    auto keys = store_.namespaces.Keys(id);
    if (keys) {
      picture.keys[id] = *std::move(keys);
    } else if (keys.error().code == Code::kNotFound) {
      picture.keys.erase(id);
    } else {
      return tl::unexpected(keys.error());
    }
  }
  return {};
}

}  // namespace sf::store
