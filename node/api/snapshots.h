// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

#include "node/api/instances.h"
#include "node/api/router.h"
#include "node/cluster_view.h"
#include "node/store/store.h"

namespace sf::api {

/// /instances/{ref}/snapshot: what is asked for becomes rows, and the instance's node does the
/// copying.
///
/// Thread: HTTP.
class Snapshots {
 public:
  Snapshots(store::Store& store, const Instances& instances, Wake wake)
      : store_(store), instances_(instances), wake_(std::move(wake)) {}

  /// On the node of `instance`, because a snapshot is of this moment or of none: a node that is
  /// away shall not take it when it comes back.
  Result<Response> Take(const Call& call, const Instance& instance);
  Result<Response> List(const Call& call);

 private:
  store::Store& store_;
  const Instances& instances_;
  const Wake wake_;
};

}  // namespace sf::api
