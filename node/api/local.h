// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "compute/hypervisor.h"
#include "images/blob_files.h"
#include "node/base/worker_pool.h"
#include "node/model/instance.h"
#include "node/store/store.h"

namespace sf::api {

/// One of the contract's power calls, POST /instances/{ref}/<name>.
struct PowerCall {
  const char* name;
  Result<void> (compute::Hypervisor::*change)(const InstanceId&);
  /// Whether its owner wants the instance to run from then on; -1 leaves that as it was.
  int wanted;
};

inline constexpr std::array<PowerCall, 6> kPowerCalls = {{
    {"rebootsoft", &compute::Hypervisor::RebootSoft, -1},
    {"reboothard", &compute::Hypervisor::RebootHard, -1},
    {"poweroff", &compute::Hypervisor::PowerOff, 0},
    {"poweron", &compute::Hypervisor::PowerOn, 1},
    {"pause", &compute::Hypervisor::Pause, -1},
    {"unpause", &compute::Hypervisor::Unpause, -1},
}};

/// What only the hosting node can see or do at this moment, of instances that are on this one:
/// power, whose answer is what the domain did, consoles and screens. The one place where an HTTP
/// thread waits for a worker, each time with a deadline.
///
/// Thread: HTTP.
class LocalInstances {
 public:
  /// Makes what an instance has to find on the host when it starts, where that is not there.
  using Prepare = std::function<Result<void>(const InstanceId&)>;  // worker

  /// `screen_host`: under which address of this node viewers find the screens.
  LocalInstances(NodeId self, std::filesystem::path instances_folder, std::string screen_host,
                 store::Store& store, compute::Hypervisor& hypervisor, images::BlobFiles& blobs,
                 WorkerPool& workers, Prepare prepare)
      : self_(std::move(self)),
        folder_(std::move(instances_folder)),
        screen_host_(std::move(screen_host)),
        store_(store),
        hypervisor_(hypervisor),
        blobs_(blobs),
        workers_(workers),
        prepare_(std::move(prepare)) {}

  Result<void> ChangePower(const Instance& instance, const PowerCall& power);
  Result<std::string> ReadConsole(const Instance& instance, std::int64_t length);
  Result<void> ClearConsole(const Instance& instance);
  /// A file for virt-viewer, which lets it in for a few minutes.
  Result<std::string> OpenScreen(const Instance& instance);
  /// A PNG of its screen, as the newest version of an artifact that keeps the last few.
  Result<BlobId> Screenshot(const Instance& instance);

 private:
  /// Runs `job` under the instance's key, after what is going on with it already. kTimeout when
  /// that takes too long; the job then still runs.
  template <class T>
  Result<T> OnWorker(const Instance& instance, std::function<Result<T>()> job);

  const NodeId self_;
  const std::filesystem::path folder_;
  const std::string screen_host_;
  store::Store& store_;
  compute::Hypervisor& hypervisor_;
  images::BlobFiles& blobs_;
  WorkerPool& workers_;
  const Prepare prepare_;
};

}  // namespace sf::api
