// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "compute/hypervisor.h"
#include "images/image_cache.h"
#include "node/api/api.h"
#include "node/api/http_server.h"
#include "node/api/local.h"
#include "node/base/event_loop.h"
#include "node/base/metrics.h"
#include "node/base/worker_pool.h"
#include "node/config.h"
#include "node/reconcile/image_fetcher.h"
#include "node/reconcile/instance_builder.h"
#include "node/reconcile/reconciler.h"
#include "node/storage_lock.h"
#include "node/store/store.h"
#include "templates/render.h"

namespace sf {

/// The daemon: builds every part in the order in which they stand on each other, says who wakes
/// whom, and stops them in reverse. Three kinds of thread run in it: the loop (whoever calls
/// Run()), the HTTP threads, and the workers.
class Daemon {
 public:
  /// Reads or makes what all nodes share (schema, cluster id, token secret) and this host's
  /// folders. Waits while the database is away.
  static Result<std::unique_ptr<Daemon>> Build(const Config& config);

  /// Serves until SIGTERM or SIGINT, then finishes what has begun. Instances go on running.
  Result<void> Run();

 private:
  struct Shared {
    std::string cluster_id;
    std::string token_secret;
  };

  Daemon(const Config& config, StorageLock lock, std::unique_ptr<store::Store> store,
         Templates templates, const Shared& shared, compute::VirtType virt_type);

  static Result<Shared> ReadShared(store::Store& store);
  void Schedule();
  void Heartbeat();
  void Maintain();
  NodeRecord Describe() const;

  const Config config_;
  const StorageLock lock_;
  EventLoop loop_;
  Metrics metrics_;
  const std::unique_ptr<store::Store> store_;
  const Templates templates_;
  compute::Hypervisor hypervisor_;
  images::ImageCache cache_;
  const reconcile::HostSettings host_;
  const reconcile::JobLimits limits_;
  WorkerPool workers_;
  reconcile::InstanceBuilder builder_;
  reconcile::ImageFetcher fetcher_;
  reconcile::Reconciler reconciler_;
  api::LocalInstances local_;
  api::Api api_;
  api::HttpServer server_;
};

/// The database of `config`, with this node as the author of events.
std::unique_ptr<store::Store> OpenStore(const Config& config);

}  // namespace sf
