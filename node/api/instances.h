// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "node/api/local.h"
#include "node/api/router.h"
#include "node/store/store.h"

namespace sf::api {

/// /instances: what owners ask for becomes rows; the placed node's reconciler does the building.
///
/// Thread: HTTP.
class Instances {
 public:
  Instances(store::Store& store, LocalInstances& local, std::function<void()> wake)
      : store_(store), local_(local), wake_(std::move(wake)) {}

  Result<Response> Create(const Call& call);
  Result<Response> List(const Call& call);
  Result<Response> Show(const Call& call);
  Result<Response> Delete(const Call& call);
  Result<Response> DeleteAll(const Call& call);
  Result<Response> Interfaces(const Call& call);
  Result<Response> Events(const Call& call);
  Result<Response> Metadata(const Call& call);
  Result<Response> SetMetadata(const Call& call);
  Result<Response> DeleteMetadata(const Call& call);
  Result<Response> ChangePower(const Call& call, const PowerCall& power);
  Result<Response> ReadConsole(const Call& call);
  Result<Response> ClearConsole(const Call& call);

 private:
  /// The instance that the path's {ref}, a UUID or a name, stands for to this caller. kNotFound
  /// also for a foreign one, so that nobody learns of it; kInvalid when a name is not unique.
  Result<Instance> Resolve(const Call& call) const;

  store::Store& store_;
  LocalInstances& local_;
  std::function<void()> wake_;
};

}  // namespace sf::api
