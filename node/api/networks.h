// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "node/api/metadata.h"
#include "node/api/router.h"
#include "node/cluster_view.h"
#include "node/store/store.h"

namespace sf::api {

/// /networks: a network is a row, and every node joins its mesh by itself.
///
/// Thread: HTTP.
class Networks {
 public:
  Networks(store::Store& store, ReadCluster cluster, Wake wake)
      : store_(store), cluster_(std::move(cluster)), wake_(std::move(wake)) {}

  Result<Response> Create(const Call& call);
  Result<Response> List(const Call& call);
  Result<Response> Show(const Call& call);
  Result<Response> Delete(const Call& call);
  Result<Response> DeleteAll(const Call& call);
  Result<Response> Interfaces(const Call& call);
  Result<Response> Events(const Call& call);
  Result<Response> Addresses(const Call& call);
  Result<Response> Route(const Call& call);
  Result<Response> Unroute(const Call& call);
  struct PingTarget {
    NetworkId network;
    IpAddress address;
  };
  /// Of a call with {ref} and {address}. kInvalid when that is none of the network's.
  Result<PingTarget> FindPingTarget(const Call& call) const;
  Result<Response> Metadata(const Call& call);
  Result<MetadataTarget> MetadataToChange(const Call& call);

 private:
  /// The network that the path's {ref}, a UUID or a name, stands for to this caller. kNotFound also
  /// for a foreign one, so that nobody learns of it; kInvalid when a name is not unique.
  Result<Network> Resolve(const Call& call) const;
  void WakeAll() const;
  void WakeHolder() const { wake_(cluster_()->role.holder); }

  store::Store& store_;
  const ReadCluster cluster_;
  const Wake wake_;
};

/// The network that `ref` stands for among those of `name_space`. kNotFound, or kInvalid when a
/// name is not unique.
Result<Network> FindNetwork(const store::NetworkStore& networks, const NamespaceId& name_space,
                            const std::string& ref);

}  // namespace sf::api
