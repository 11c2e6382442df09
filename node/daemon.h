// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "compute/hypervisor.h"
#include "images/blob_files.h"
#include "images/image_cache.h"
#include "images/upload_files.h"
#include "node/api/api.h"
#include "node/api/http_server.h"
#include "node/api/local.h"
#include "node/api/peer_blobs.h"
#include "node/base/event_loop.h"
#include "node/base/metrics.h"
#include "node/base/published.h"
#include "node/base/worker_pool.h"
#include "node/certificates.h"
#include "node/cluster.h"
#include "node/cluster_secrets.h"
#include "node/config.h"
#include "node/key_ring.h"
#include "node/reconcile/agents.h"
#include "node/reconcile/blob_copier.h"
#include "node/reconcile/blob_shelf.h"
#include "node/reconcile/copy_keeper.h"
#include "node/reconcile/image_fetcher.h"
#include "node/reconcile/instance_builder.h"
#include "node/reconcile/mesh_keeper.h"
#include "node/reconcile/network_services.h"
#include "node/reconcile/reconciler.h"
#include "node/reconcile/snapshot_taker.h"
#include "node/storage_lock.h"
#include "node/store/current_picture.h"
#include "node/store/store.h"
#include "templates/render.h"

namespace sf {

/// The daemon: builds every part in the order in which they stand on each other, says who wakes
/// whom, and stops them in reverse. Four kinds of thread run in it: the loop (whoever calls
/// Run()), the HTTP threads, the workers, and one that listens to guests (Agents).
class Daemon {
 public:
  /// Reads or makes what all nodes share (schema, cluster id, token secret) and this host's
  /// folders. While the database is away it begins with what the disk remembers, or waits.
  static Result<std::unique_ptr<Daemon>> Build(const Config& config);

  ~Daemon();

  /// Serves until SIGTERM or SIGINT, then finishes what has begun. Instances go on running.
  Result<void> Run();

 private:
  Daemon(const Config& config, StorageLock lock, std::unique_ptr<store::Store> store,
         Templates templates, std::unique_ptr<Certificates> certificates, const FirstSecrets& first,
         compute::VirtType virt_type);

  Result<void> Register();
  void RegisterLate();  // worker
  void RememberRows();  // worker
  Result<void> JoinCluster();
  void Schedule();
  void Stop();
  void Wake() {
    reconciler_.Wake();
    agents_.Wake();
    meshes_.Wake();
    services_.Wake();
    copies_.Wake();
  }
  void WakeNode(const NodeId& node);
  void Report(const reconcile::Desired& desired, const reconcile::Actual& actual);
  void TellServices();
  void Heartbeat();
  void FollowKeys();
  void RefreshCertificates();  // worker
  Result<void> TellLocalCommands();
  void Maintain();

  const Config config_;
  const ClusterSecrets secrets_;  ///< as of the start; keys may be rotated
  bool registered_;               ///< the database knows this node; of the loop
  bool registering_ = false;      ///< it is being told; of the loop
  const StorageLock lock_;
  EventLoop loop_;
  Metrics metrics_;
  const std::unique_ptr<store::Store> store_;
  store::CurrentPicture rows_;
  std::uint64_t remembered_ =
      0;  ///< which of its pictures is on the disk; of the job that writes it
  const Templates templates_;
  const std::unique_ptr<Certificates> certificates_;
  compute::Hypervisor hypervisor_;
  images::ImageCache cache_;
  images::BlobFiles blobs_;
  images::UploadFiles uploads_;
  const reconcile::HostSettings host_;
  const reconcile::JobLimits limits_;
  WorkerPool workers_;
  const api::PeerBlobs peers_;
  reconcile::BlobCopier copier_;
  reconcile::BlobShelf shelf_;
  reconcile::InstanceBuilder builder_;
  reconcile::ImageFetcher fetcher_;
  reconcile::SnapshotTaker snapshot_taker_;
  reconcile::Agents agents_;
  reconcile::Reconciler reconciler_;
  reconcile::CopyKeeper copies_;
  reconcile::MeshKeeper meshes_;
  reconcile::NetworkServices services_;
  api::LocalInstances local_;
  const std::string local_token_;
  Published<KeyRing> keys_;           ///< in use; written by the job that writes heartbeats
  std::unique_ptr<Cluster> cluster_;  // from JoinCluster() on
  const std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
  bool stopping_ = false;
  std::string fatal_;  ///< why it had to stop by itself
  api::Api api_;
  api::HttpServer server_;
};

}  // namespace sf
