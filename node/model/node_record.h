// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "node/base/id.h"

namespace sf {

/// What a node lets instances take: already multiplied by its overcommit ratios, its reserves
/// already taken off.
struct Capacity {
  std::int64_t cpus = 0;
  std::int64_t memory_mb = 0;
  std::int64_t disk_gb = 0;
};

struct NodeRecord {
  NodeId name;
  std::string ip;
  std::string fqdn;
  std::string zone;
  std::string release;
  std::string state = "created";  ///< created, missing, stopping, stopped, error, deleted
  double last_seen = 0;           ///< seconds since the epoch, by the database's clock
  Capacity limit;
  Capacity used = {};  ///< by the instances placed there
  int gossip_port = 0;
  std::string key_ring = {};  ///< fingerprint of the gossip keys in use there
  bool drained = false;       ///< it takes no new instances
  double silent_for = 0;      ///< seconds since last_seen, by the database's clock
  nlohmann::json metadata = nlohmann::json::object();
};

}  // namespace sf
