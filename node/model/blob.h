// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "node/base/id.h"
#include "node/model/artifact.h"

namespace sf {

/// A node that has a blob's file, and what that file is: of an image each node may have made its
/// own.
struct BlobLocation {
  NodeId node;
  std::int64_t bytes = 0;
  std::string file_sha256 = {};  ///< empty: not known, and nobody copies it
};

/// Where a blob is that nobody gives, as messages say it.
inline std::string OutOfReach(const std::vector<BlobLocation>& locations) {
  std::string nodes;
  for (const BlobLocation& location : locations) {
    nodes += (nodes.empty() ? "" : ", ") + location.node.value;
  }
  return nodes.empty() ? "no node" : nodes + ", and none answers";
}

/// A blob with all that refers to it.
struct StoredBlob {
  Blob blob;
  std::vector<BlobLocation> locations;
  std::vector<std::string> instances;  ///< those whose disks lie on it
  std::int64_t versions = 0;           ///< of artifacts
  nlohmann::json metadata = nlohmann::json::object();
};

/// Where a stored blob is, and where it soon will be.
struct BlobCopies {
  BlobId blob;
  std::int64_t bytes = 0;
  std::set<NodeId> holders;
  std::set<NodeId> coming = {};  ///< nodes that copy its file just now
};

}  // namespace sf
