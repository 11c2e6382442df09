// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/store/artifact_store.h"
#include "node/store/cluster_store.h"
#include "node/store/database.h"
#include "node/store/event_store.h"
#include "node/store/instance_store.h"
#include "node/store/namespace_store.h"
#include "node/store/node_store.h"

namespace sf::store {

/// All that MySQL keeps, as the doors (api, reconcile) take it.
struct Store {
  Store(DatabaseOptions options, const NodeId& self, PortRange ports)
      : database(std::move(options)),
        events(database, self),
        cluster(database),
        nodes(database),
        namespaces(database),
        instances(database, events, ports),
        artifacts(database, events) {}

  Database database;
  EventStore events;
  ClusterStore cluster;
  NodeStore nodes;
  NamespaceStore namespaces;
  InstanceStore instances;
  ArtifactStore artifacts;
};

}  // namespace sf::store
