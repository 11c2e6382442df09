// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "compute/domain_spec.h"
#include "compute/hypervisor.h"
#include "compute/instance_files.h"
#include "images/image_cache.h"
#include "node/base/metrics.h"
#include "node/model/instance.h"
#include "node/model/network.h"
#include "node/reconcile/blob_shelf.h"
#include "node/reconcile/steps.h"
#include "node/store/store.h"
#include "templates/render.h"

namespace sf::reconcile {

/// Puts this node into the mesh of a network, if it is not in it, and makes the host's end of an
/// interface there. Thread: worker.
struct MeshEnd {
  std::string tap;
  int mtu = 1500;
};
struct Plugs {
  std::function<Result<MeshEnd>(const Network&, const Interface&)> join;
  std::function<Result<void>(const InstanceId&)> leave;  ///< with all interfaces that were made
};

/// What all instances of this host have in common.
struct HostSettings {
  NodeId self;
  std::string cluster_id;
  std::string zone;
  std::filesystem::path instances_folder;
  compute::VirtType virt_type = compute::VirtType::kQemu;
  std::string console_address;  ///< where serial consoles and screens listen
  std::string dns_server;       ///< for guests of networks with NAT; may be empty
};

/// The steps from a row to a running domain, and back. Each step may be repeated, so after a crash
/// the whole of it is simply done again; a step that fails undoes what was made and says why in the
/// row.
///
/// Thread: worker, one job per instance at a time.
class InstanceBuilder {
 public:
  InstanceBuilder(HostSettings settings, store::Store& store, images::ImageCache& cache,
                  BlobShelf& shelf, compute::Hypervisor& hypervisor, Plugs plugs,
                  const Templates& templates, Metrics& metrics)
      : settings_(std::move(settings)),
        store_(store),
        cache_(cache),
        shelf_(shelf),
        hypervisor_(hypervisor),
        plugs_(std::move(plugs)),
        templates_(templates),
        metrics_(metrics) {}

  /// Ends with the row created, in error, or as its owner has changed it meanwhile. An Error means
  /// that the database could not be told; the next pass does it again.
  Result<void> Build(const InstanceId& id);

  /// Starts a built instance whose domain is gone or was cut off. Its disks are not touched.
  Result<void> Restart(const InstanceId& id);

  /// The host's ends of its NICs, without which its domain does not start.
  Result<void> MakeNics(const InstanceId& id) const;

  /// Switches off a built instance, if that is still what its row wants.
  Result<void> Stop(const InstanceId& id);

  /// Writes down how its domain is: on, or off, and whether on purpose.
  Result<void> RecordPower(const InstanceId& id);

  /// Gives a built instance the interfaces of its row that its domain does not have yet. One that
  /// libvirt refuses is in error, and tried no more.
  Result<void> Plug(const InstanceId& id);

  /// Domain first, then files, then the row, if there is one in delete-wait.
  Result<void> Remove(const InstanceId& id, bool has_row);

 private:
  struct Images {
    std::vector<std::optional<images::CachedImage>> of_disk;  ///< unset for a blank disk
  };

  /// An interface of the instance, with all that its guest and its domain have to know.
  struct Nic {
    Interface interface;
    Network network;
    MeshEnd end;
  };

  Result<void> MakeAndStart(Instance& instance, const Images& images, Steps& steps);
  Result<std::vector<Nic>> JoinMeshes(const Instance& instance) const;
  Result<Images> FindImages(const Instance& instance) const;
  Result<void> MakeDisks(const Instance& instance, const Images& images) const;
  Result<void> WriteConfigDrive(const Instance& instance, const std::vector<Nic>& nics) const;
  Result<void> Start(Instance& instance, const std::vector<Nic>& nics, Steps& steps);
  Result<void> AvoidTakenPorts(Instance& instance);
  Result<compute::DomainSpec> ToDomainSpec(const Instance& instance,
                                           const std::vector<Nic>& nics) const;
  Result<void> RemoveFiles(const InstanceId& id) const;
  compute::InstanceFiles FilesOf(const InstanceId& id) const {
    return {settings_.instances_folder, id};
  }

  const HostSettings settings_;
  store::Store& store_;
  images::ImageCache& cache_;
  BlobShelf& shelf_;
  compute::Hypervisor& hypervisor_;
  const Plugs plugs_;
  const Templates& templates_;
  Metrics& metrics_;
};

}  // namespace sf::reconcile
