// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <utility>

#include "node/api/instances.h"
#include "node/api/router.h"
#include "node/cluster_view.h"
#include "node/model/agent_operation.h"
#include "node/store/store.h"

namespace sf::api {

/// /instances/{ref}/agent/… and /agentoperations: what is asked of the agent in an instance becomes
/// a row, and the instance's node has it done.
///
/// Thread: HTTP.
class AgentOperations {
 public:
  AgentOperations(store::Store& store, const Instances& instances, Wake wake)
      : store_(store), instances_(instances), wake_(std::move(wake)) {}

  Result<Response> Put(const Call& call);
  Result<Response> Get(const Call& call);
  Result<Response> Execute(const Call& call);
  Result<Response> List(const Call& call);
  Result<Response> Show(const Call& call);
  /// One that is under way is given up: what the guest does meanwhile nobody can know.
  Result<Response> Delete(const Call& call);

 private:
  /// The instance of the path, whose agent takes operations. kInvalid: it does not.
  Result<Instance> ReadyInstance(const Call& call) const;
  Result<Response> Ask(const Instance& instance, const nlohmann::json& commands);
  Result<AgentOperation> Resolve(const Call& call) const;

  store::Store& store_;
  const Instances& instances_;
  const Wake wake_;
};

}  // namespace sf::api
