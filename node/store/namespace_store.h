// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "node/model/namespace.h"
#include "node/store/database.h"

namespace sf::store {

/// Namespaces, their keys, and whom they trust.
///
/// Thread: HTTP or worker (blocks).
class NamespaceStore {
 public:
  explicit NamespaceStore(Database& database) : database_(database) {}

  /// kConflict if a live one exists. A deleted one of that name begins anew.
  Result<void> Create(const NamespaceId& name, const std::optional<NamespaceKey>& key);
  Result<Namespace> Find(const NamespaceId& name) const;  ///< kNotFound; just deleted is found
  /// Those of these names, or all; without deleted ones.
  Result<std::vector<Namespace>> List(const std::vector<NamespaceId>& among = {}) const;
  /// With its artifacts, and with its instances in error; kConflict while it has others, or
  /// networks.
  Result<void> Delete(const NamespaceId& name);

  /// Adds the key or replaces the one of that name.
  Result<void> PutKey(const NamespaceId& name, const NamespaceKey& key);
  Result<void> DeleteKey(const NamespaceId& name, const std::string& key);  ///< kNotFound
  /// The keys of a live namespace; kNotFound without one.
  Result<std::vector<NamespaceKey>> Keys(const NamespaceId& name) const;

  /// From now on `name` trusts `other`, or no longer does. kNotFound without one of the two, or
  /// without the trust that is to end.
  Result<void> Trust(const NamespaceId& name, const NamespaceId& other);
  Result<void> EndTrust(const NamespaceId& name, const NamespaceId& other);
  /// Of each namespace that anybody trusts, who does.
  Result<std::map<NamespaceId, std::set<NamespaceId>>> TrustedBy() const;

  /// Sets `key` of the metadata, or takes it out if `value` is unset.
  Result<void> SetMetadata(const NamespaceId& name, const std::string& key,
                           const std::optional<nlohmann::json>& value);
  /// Forgets those deleted more than `age_s` seconds ago.
  Result<std::int64_t> Reap(double age_s);

 private:
  Database& database_;
};

}  // namespace sf::store
