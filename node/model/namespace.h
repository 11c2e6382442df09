// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "node/base/id.h"

namespace sf {

/// Whoever authenticates in this namespace administers the cluster.
inline const NamespaceId kSystemNamespace{"system"};

struct Namespace {
  NamespaceId name;
  std::string state = "created";  ///< created or deleted
  std::vector<std::string> key_names;
  std::vector<NamespaceId> trusted = {};  ///< those of these may manage it; system always may
  nlohmann::json metadata = nlohmann::json::object();
  std::int64_t version = 0;
};

/// A key as it is stored: never the secret, only its hash. The nonce is in every token made with
/// the key, so that replacing or deleting the key ends its tokens.
struct NamespaceKey {
  std::string name;
  std::string hash;
  std::string nonce;
};

}  // namespace sf
