// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "node/cluster_view.h"
#include "node/model/agent_operation.h"
#include "node/model/artifact.h"
#include "node/model/blob.h"
#include "node/model/event.h"
#include "node/model/instance.h"
#include "node/model/interface.h"
#include "node/model/namespace.h"
#include "node/model/network.h"
#include "node/model/node_record.h"
#include "node/model/placement.h"
#include "node/model/snapshot.h"

namespace sf::api {

// Records as clients of the contract read them. Pure.

nlohmann::json View(const Instance& instance);
/// What a dry run answers.
nlohmann::json View(const Placement& placement);
nlohmann::json View(const Network& network);
nlohmann::json View(const Interface& interface);
nlohmann::json View(const Artifact& artifact);
nlohmann::json View(const StoredBlob& stored);
/// The blobs of its versions, oldest first, each with the `index` of its version.
nlohmann::json VersionsOf(const Artifact& artifact);
nlohmann::json View(const Snapshot& snapshot);
nlohmann::json View(const AgentOperation& operation);
nlohmann::json View(const Namespace& space);
/// With what gossip knows of it beside the contract's keys, under `gossip`; null if nothing.
nlohmann::json View(const NodeRecord& node, const ClusterView& cluster);
nlohmann::json View(const MemberView& member, const ClusterView& cluster);
nlohmann::json View(const Event& event);

template <class T>
nlohmann::json ViewAll(const std::vector<T>& all) {
  nlohmann::json list = nlohmann::json::array();
  for (const T& one : all) list.push_back(View(one));
  return list;
}

}  // namespace sf::api
