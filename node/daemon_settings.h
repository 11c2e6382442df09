// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "compute/domain_spec.h"
#include "gossip/advert.h"
#include "images/image_cache.h"
#include "images/upload_files.h"
#include "net/mesh.h"
#include "node/api/http_server.h"
#include "node/cluster_secrets.h"
#include "node/cluster_view.h"
#include "node/config.h"
#include "node/key_ring.h"
#include "node/model/instance.h"
#include "node/model/node_record.h"
#include "node/reconcile/agents.h"
#include "node/reconcile/blob_shelf.h"
#include "node/reconcile/network_services.h"
#include "node/store/store.h"

namespace sf {

// What each part of the daemon is told of the options.

/// Makes the folders that instances, images and services have below STORAGE_PATH.
Result<void> MakeFolders(const std::filesystem::path& storage);
store::DatabaseOptions ToDatabaseOptions(const Config& config);
/// The database of `config`, with this node as the author of events.
std::unique_ptr<store::Store> OpenStore(const Config& config);
/// With a guard of where images come from, to whom `cluster` says which nodes there are.
images::ImageLimits ToImageLimits(const Config& config, ReadCluster cluster);
images::UploadLimits ToUploadLimits(const Config& config);
api::HttpOptions ToHttpOptions(const Config& config, const api::TlsServer* tls);
net::MeshSettings ToMeshSettings(const Config& config, const std::string& cluster_id);
reconcile::Agents::Settings ToAgentSettings(const Config& config);
reconcile::ShelfSettings ToShelfSettings(const Config& config);
reconcile::ServicesSettings ToServicesSettings(const Config& config, const ClusterSecrets& secrets);
/// Node by node they may differ for a while, when the option is being changed.
Result<void> EnsureFloatingNetwork(const Config& config, store::Store& store);
/// What the operator chose; for auto, KVM only if it has been seen to run a guest.
Result<compute::VirtType> ChooseVirtType(const Config& config);
/// What instances take of their node: see store/instance_store.h, which counts the rows alike.
gossip::Amounts RoomOf(const std::vector<Instance>& instances);
/// This node as its row has it.
NodeRecord DescribeNode(const Config& config, const KeyRing& keys);
/// Under which address viewers find the screens of this node's instances.
std::string ScreenHost(const Config& config);
/// The API, at the address that a command on this host will surely reach.
std::string LocalUrl(const Config& config);

}  // namespace sf
