// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "node/model/instance.h"
#include "node/model/interface.h"
#include "node/model/namespace.h"
#include "node/model/network.h"
#include "node/model/node_record.h"
#include "node/store/instance_store.h"
#include "node/store/interface_store.h"
#include "node/store/network_store.h"

namespace sf::store {

/// A record, and the text that its readers make of it: once, for as long as it stays the same.
///
/// Thread: any.
template <class Record>
class Kept : public Record {
 public:
  explicit Kept(Record record) : Record(std::move(record)) {}

  /// What `make`, which is always the same, makes of the record.
  template <class Make>
  const std::string& Text(Make make) const {
    std::call_once(once_, [&] { text_ = make(static_cast<const Record&>(*this)); });
    return text_;
  }

 private:
  mutable std::once_flag once_;
  mutable std::string text_;
};

/// The rows that reads are answered from, as a node last read them, but for those of deleted
/// objects. It never changes; a newer one shares with it whatever has stayed the same.
struct Picture {
  template <class T>
  using Shared = std::shared_ptr<const Kept<T>>;

  std::map<InstanceId, Shared<Instance>> instances;
  std::map<NetworkId, Shared<Network>> networks;
  std::map<NamespaceId, std::vector<NamespaceKey>> keys;    ///< of every namespace
  std::map<NamespaceId, std::set<NamespaceId>> trusted_by;  ///< of those that anybody trusts
  std::vector<NodeRecord> nodes;                            ///< by name
  double as_of = 0;  ///< when they were read: seconds since the epoch, by the database's clock
  /// Another whenever anything but heartbeats has changed.
  std::uint64_t changes = 0;

  // As the stores of these names list them; but for the interfaces, whatever is found lives for as
  // long as the picture.
  std::vector<const Kept<Instance>*> List(const InstanceFilter& filter) const;
  std::vector<const Kept<Network>*> List(const NetworkFilter& filter) const;
  std::vector<Interface> List(const InterfaceFilter& filter) const;
  /// Null without it.
  const NamespaceKey* FindKey(const NamespaceId& name_space, const std::string& name) const;
};

/// Copies of what a picture has found.
template <class Record>
std::vector<Record> Records(const std::vector<const Kept<Record>*>& found) {
  std::vector<Record> records;
  records.reserve(found.size());
  for (const Record* record : found) records.push_back(*record);
  return records;
}
inline std::vector<Interface> Records(std::vector<Interface> found) { return found; }

}  // namespace sf::store
