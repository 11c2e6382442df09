// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "node/api/metadata.h"
#include "node/api/router.h"
#include "node/cluster_view.h"
#include "node/store/store.h"

namespace sf::api {

/// /nodes, /members and /admin/locks, for administrators.
///
/// Thread: HTTP.
class Nodes {
 public:
  Nodes(store::Store& store, ReadCluster cluster, Wake wake)
      : store_(store), cluster_(std::move(cluster)), wake_(std::move(wake)) {}

  Result<Response> List(const Call& call);
  Result<Response> Show(const Call& call);
  /// Of a node that is gone for good: its instances are deleted, too. One that comes back after
  /// that is a new one, and removes what it still has of them.
  Result<Response> Delete(const Call& call);
  /// No new instances go there from now on. Answers with those that are there still.
  Result<Response> Drain(const Call& call);
  Result<Response> Undrain(const Call& call);
  Result<Response> Events(const Call& call);
  Result<Response> Metadata(const Call& call);
  Result<MetadataTarget> MetadataToChange(const Call& call);
  /// The view of this very node, by gossip alone: it is there also when the database is not.
  Result<Response> Members(const Call& call);
  Result<Response> Locks(const Call& call);
  /// The node that the path names. kNotFound without one.
  Result<NodeRecord> Find(const Call& call) const;

 private:
  store::Store& store_;
  const ReadCluster cluster_;
  const Wake wake_;
};

}  // namespace sf::api
