// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "node/store/agent_operation_store.h"
#include "node/store/artifact_store.h"
#include "node/store/blob_copy_store.h"
#include "node/store/blob_store.h"
#include "node/store/cluster_store.h"
#include "node/store/database.h"
#include "node/store/event_store.h"
#include "node/store/image_source_store.h"
#include "node/store/instance_store.h"
#include "node/store/interface_store.h"
#include "node/store/namespace_store.h"
#include "node/store/network_store.h"
#include "node/store/node_store.h"
#include "node/store/role_store.h"
#include "node/store/snapshot_store.h"
#include "node/store/upload_store.h"
#include "node/store/work_store.h"

namespace sf::store {

/// All that MySQL keeps, as the doors (api, reconcile) take it.
struct Store {
  Store(DatabaseOptions options, const NodeId& self, PortRange ports)
      : database(std::move(options)),
        events(database, self),
        cluster(database),
        nodes(database, events),
        role(database),
        namespaces(database),
        networks(database, events),
        interfaces(database, events),
        instances(database, events, ports),
        artifacts(database, events),
        blobs(database),
        blob_copies(database),
        snapshots(database, events),
        agent_operations(database, events),
        uploads(database),
        work(database),
        image_sources(database) {}

  Database database;
  EventStore events;
  ClusterStore cluster;
  NodeStore nodes;
  RoleStore role;
  NamespaceStore namespaces;
  NetworkStore networks;
  InterfaceStore interfaces;
  InstanceStore instances;
  ArtifactStore artifacts;
  BlobStore blobs;
  BlobCopyStore blob_copies;
  SnapshotStore snapshots;
  AgentOperationStore agent_operations;
  UploadStore uploads;
  WorkStore work;
  ImageSourceStore image_sources;
};

}  // namespace sf::store
