// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "node/api/metadata.h"
#include "node/api/router.h"
#include "node/cluster_view.h"
#include "node/store/store.h"

namespace sf::api {

/// /interfaces: the NICs of instances, by UUID, whether they float, and their metadata.
///
/// Thread: HTTP.
class Interfaces {
 public:
  Interfaces(store::Store& store, ReadCluster cluster, Wake wake)
      : store_(store), cluster_(std::move(cluster)), wake_(std::move(wake)) {}

  Result<Response> Show(const Call& call);
  Result<Response> Float(const Call& call);
  Result<Response> Defloat(const Call& call);
  Result<Response> Metadata(const Call& call);
  Result<MetadataTarget> MetadataToChange(const Call& call);

 private:
  /// kNotFound also for one in somebody else's network, so that nobody learns of it.
  Result<Interface> Resolve(const Call& call) const;
  Result<Response> Changed() const;

  store::Store& store_;
  const ReadCluster cluster_;
  const Wake wake_;
};

}  // namespace sf::api
