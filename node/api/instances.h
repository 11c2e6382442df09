// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <utility>

#include "node/api/local.h"
#include "node/api/metadata.h"
#include "node/api/router.h"
#include "node/cluster_view.h"
#include "node/model/placement.h"
#include "node/store/store.h"

namespace sf::api {

/// /instances: what owners ask for becomes rows; the placed node's reconciler does the building.
///
/// Thread: HTTP.
class Instances {
 public:
  Instances(store::Store& store, LocalInstances& local, ReadCluster cluster, Wake wake)
      : store_(store), local_(local), cluster_(std::move(cluster)), wake_(std::move(wake)) {}

  Result<Response> Create(const Call& call);
  Result<Response> List(const Call& call);
  Result<Response> Show(const Call& call);
  Result<Response> Delete(const Call& call);
  Result<Response> DeleteAll(const Call& call);
  Result<Response> Interfaces(const Call& call);
  /// Another NIC for an instance that is there; its node plugs it in.
  Result<Response> AddInterface(const Call& call);
  Result<Response> Events(const Call& call);
  Result<Response> Metadata(const Call& call);
  Result<MetadataTarget> MetadataToChange(const Call& call);
  // Of an instance that is on this node:
  Result<Response> ChangePower(const Instance& instance, const PowerCall& power);
  Result<Response> ReadConsole(const Call& call, const Instance& instance);
  Result<Response> ClearConsole(const Call& call, const Instance& instance);
  Result<Response> OpenScreen(const Call& call, const Instance& instance);
  Result<Response> Screenshot(const Call& call, const Instance& instance);

  /// The instance that the path's {ref}, a UUID or a name, stands for to this caller. kNotFound
  /// also for a foreign one, so that nobody learns of it; kInvalid when a name is not unique.
  Result<Instance> Resolve(const Call& call) const;

 private:
  Result<Placement> Rank(const Instance& wanted, const ClusterView& cluster) const;

  store::Store& store_;
  LocalInstances& local_;
  const ReadCluster cluster_;
  const Wake wake_;
};

/// kNotReady for an instance that has no domain to ask or to change.
Result<void> CheckIsCreated(const Instance& instance);

}  // namespace sf::api
